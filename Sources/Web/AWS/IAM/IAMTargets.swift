import WeirCore
import WeirIdentity
import WeirRegistry

/// Whom an operation of IAM is about, and the rights that it takes.
///
/// A right is asked for on the ARN of the entity as it is, whatever the case in which its name was given. A denial shows the name
/// as it was given, without the path: so it is the same whether there is such an entity or not.
struct IAMTargets: Sendable {
    typealias Facts = @Sendable (AWSCall) throws -> [String: [String]]
    typealias Name = @Sendable (AWSCall) throws -> String

    let entities: Entities
    /// The partition of the server's own region. IAM is one for all regions: a caller must not choose its ARNs by the region that
    /// the signature is for.
    let partition: String

    /// The operation's own action, on an entity that is there or not.
    ///
    /// - Parameter facts: condition keys beside the entity's tags and boundary.
    func on(_ kind: EntityKind, facts: @escaping Facts = { _ in [:] }, _ name: @escaping Name) -> OperationPermission {
        .reading { call, action in [try await demand(action, kind, name(call), call, facts(call))] }
    }

    /// The same, for an operation that sets tags.
    func tagging(_ kind: EntityKind, _ read: @escaping @Sendable (AWSCall) throws -> (String, [ResourceTag]))
        -> OperationPermission
    {
        .reading { call, action in
            let (name, tags) = try read(call)
            return [try await demand(action, kind, name, call, Access.facts(giving: tags))]
        }
    }

    /// The same, for an operation that takes tags away.
    func untagging(_ kind: EntityKind, _ read: @escaping @Sendable (AWSCall) throws -> (String, [String])) -> OperationPermission
    {
        .reading { call, action in
            let (name, keys) = try read(call)
            return [try await demand(action, kind, name, call, Access.facts(naming: keys))]
        }
    }

    /// The operation's own action, on an entity to be made; with tags, the action that tags it too.
    func creating(_ kind: EntityKind, _ read: @escaping @Sendable (AWSCall) throws -> NewEntity) -> OperationPermission {
        .reading { call, action in
            let new = try read(call)
            let arn = arn(of: kind, path: new.path, name: new.name, call)
            var facts = Access.facts(giving: new.tags)
            if let boundary = new.boundary { facts["iam:PermissionsBoundary"] = [canonical(boundary)] }
            let demand = AccessDemand(action, on: .own(arn, in: call.registry), facts: facts)
            guard !new.tags.isEmpty else { return [demand] }
            return [demand, AccessDemand("iam:Tag\(action.dropFirst("iam:Create".count))", on: demand.resource, facts: facts)]
        }
    }

    /// The operation's own action, on an entity by its old name and path and by its new ones.
    ///
    /// - Parameter read: the name, and what of the new name and path there is.
    func renaming(
        _ kind: EntityKind, _ read: @escaping @Sendable (AWSCall) throws -> (String, String?, String?)
    ) -> OperationPermission {
        .reading { call, action in
            let (name, newName, newPath) = try read(call)
            let old = try await demand(action, kind, name, call, [:])
            guard newName != nil || newPath != nil else { return [old] }
            let entity = try await entities.find(kind, named: name, in: call.registry.account)
            let arn = arn(of: kind, path: newPath ?? entity?.path ?? "/", name: newName ?? entity?.name ?? name, call)
            let shown = self.arn(of: kind, path: newPath ?? "/", name: newName ?? name, call)
            return [old, AccessDemand(action, on: .own(arn, in: call.registry), facts: old.facts, shown: shown)]
        }
    }

    /// One demand on an entity that is there or not.
    func demand(
        _ action: String, _ kind: EntityKind, _ name: String, _ call: AWSCall, _ facts: [String: [String]]
    ) async throws -> AccessDemand {
        let entity = try await entities.find(kind, named: name, in: call.registry.account)
        return demand(action, entity, shown: arn(of: kind, name: name, call), call, facts)
    }

    private func demand(
        _ action: String, _ entity: Entity?, shown: String, _ call: AWSCall, _ facts: [String: [String]]
    ) -> AccessDemand {
        var facts = facts.merging(PolicyPermission.tagged(entity?.tags ?? [])) { own, _ in own }
        if let boundary = entity?.boundary, facts["iam:PermissionsBoundary"] == nil {
            facts["iam:PermissionsBoundary"] = [canonical(boundary)]
        }
        let arn = entity?.arn(partition: partition) ?? shown
        return AccessDemand(action, on: .own(arn, in: call.registry), facts: facts, shown: shown)
    }

    // MARK: The caller, where no user is named

    /// The user whom an operation is about, or the account's root.
    enum Subject {
        case named(String)
        /// The caller, by its unique id.
        case caller(IAMIdentity)
        case root
    }

    /// The user that `UserName` names, else the caller: a session of a role has no user.
    static func subject(_ call: AWSCall) throws -> Subject {
        if let name = try call.optionalUserName() { return .named(name) }
        switch call.caller.kind {
        case .user(let user): return .caller(user)
        case .root: return .root
        default: throw Refusal(.validation, "Must specify userName when calling with non-User credentials")
        }
    }

    /// The operation's own action on the subject.
    func onSubject(_ check: @escaping @Sendable (AWSCall) throws -> Void = { _ in }) -> OperationPermission {
        .reading { call, action in
            let (_, subject) = try call.validated({ try check($0) }, { try Self.subject($0) })
            switch subject {
            case .named(let name): return [try await demand(action, .user, name, call, [:])]
            case .caller(let user):
                let shown = arn(of: .user, name: user.name, call)
                return [demand(action, try await entities.find(id: user.id), shown: shown, call, [:])]
            case .root: return [AccessDemand(action, on: .own(call.caller.principalARN, in: call.registry))]
            }
        }
    }

    /// The subject's entity; nil for the account's root.
    func entity(of subject: Subject, _ call: AWSCall) async throws -> Entity? {
        switch subject {
        case .root: return nil
        case .named(let name): return try await user(name, call)
        case .caller(let user):
            guard let entity = try await entities.find(id: user.id) else { throw Refusal.noSuch(.user, user.name) }
            return entity
        }
    }

    func user(_ name: String, _ call: AWSCall) async throws -> Entity {
        guard let entity = try await entities.find(.user, named: name, in: call.registry.account) else {
            throw Refusal.noSuch(.user, name)
        }
        return entity
    }

    // MARK: ARNs

    /// The ARN of an entity of the caller's account, which need not exist.
    func arn(of kind: EntityKind, path: String = "/", name: String, _ call: AWSCall) -> String {
        "arn:\(partition):iam::\(call.registry.account):\(kind.rawValue)\(path)\(name)"
    }

    /// An ARN in the server's partition; any other text as it is.
    func canonical(_ arn: String) -> String { PolicyPermission.canonical(arn, in: partition) }
}
