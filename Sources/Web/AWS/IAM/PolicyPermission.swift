import WeirCore
import WeirIdentity
import WeirRegistry

/// The demands of IAM's operations on policies: on the policy, or on the user, group or role whose policies are changed. They are
/// asked before anything is told of what there is.
struct PolicyPermission: Sendable {
    let policies: ManagedPolicies
    let inline: InlinePolicies
    /// The partition of the server's own region. IAM is one for all regions, so a caller cannot choose another by what it signs
    /// for.
    let partition: String

    /// What one call is about.
    struct Target: Sendable {
        let arn: String
        var facts: [String: [String]] = [:]
        /// What a denial names, where the ARN would tell what there is: its path, for example.
        var shown: String?
    }

    /// The operation's own action on what `target` finds.
    static func on(_ target: @escaping @Sendable (AWSCall) async throws -> Target) -> OperationPermission {
        .reading { call, action in
            let target = try await target(call)
            return [
                AccessDemand(action, on: .own(target.arn, in: call.registry), facts: target.facts, shown: target.shown)
            ]
        }
    }

    /// The same for something that is made: with tags, the action that tags it must be allowed too.
    static func making(_ target: @escaping @Sendable (AWSCall) throws -> (arn: String, tags: [ResourceTag]))
        -> OperationPermission
    {
        .reading { call, action in
            let (arn, tags) = try target(call)
            let (resource, facts) = (AccessDemand.Resource.own(arn, in: call.registry), Access.facts(giving: tags))
            guard !tags.isEmpty else { return [AccessDemand(action, on: resource)] }
            return [action, "iam:Tag\(action.dropFirst("iam:Create".count))"].map { AccessDemand($0, on: resource, facts: facts) }
        }
    }

    // MARK: On a policy

    /// On the policy that `PolicyArn` names.
    ///
    /// - Parameters:
    ///   - facts: the keys that the operation alone has.
    ///   - read: reads the whole input, so that all that is wrong with it is told together.
    func onPolicy(
        _ facts: @escaping @Sendable (AWSCall) throws -> [String: [String]] = { _ in [:] },
        reading read: @escaping @Sendable (AWSCall) throws -> Void = { _ in }
    ) -> OperationPermission {
        Self.on { call in
            try read(call)
            let arn = try call.arn("PolicyArn")
            let tags = try await policies.tags(ofExisting: arn, in: call.caller.account) ?? []
            return Target(arn: canonical(arn), facts: Self.tagged(tags).merging(try facts(call)) { $0 + $1 })
        }
    }

    /// An ARN in the server's partition; any other text as it is.
    func canonical(_ arn: String) -> String { Self.canonical(arn, in: partition) }

    static func canonical(_ arn: String, in partition: String) -> String {
        let parts = arn.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0] == "arn" ? "arn:\(partition):\(parts[2])" : arn
    }

    // MARK: On a user, group or role

    /// - Parameters:
    ///   - facts: the keys that the operation alone has, from the call and the entity, which may not be there.
    func on(
        _ kind: EntityKind,
        _ facts: @escaping @Sendable (AWSCall, Entity?) throws -> [String: [String]] = { _, _ in [:] },
        reading read: @escaping @Sendable (AWSCall) throws -> Void = { _ in }
    ) -> OperationPermission {
        Self.on { call in
            try read(call)
            let owner = try call.policyOwner(kind)
            let entity = try await inline.entity(owner)
            let own = Self.tagged(entity?.tags ?? []).merging(try facts(call, entity)) { $0 + $1 }
            let named = "arn:\(partition):iam::\(owner.account):\(owner.kind.rawValue)/\(owner.name)"
            return Target(arn: entity?.arn(partition: partition) ?? named, facts: own, shown: named)
        }
    }

    /// `iam:PermissionsBoundary` of the one whose policies are changed.
    func boundary(of entity: Entity?) -> [String: [String]] {
        entity?.boundary.map { ["iam:PermissionsBoundary": [canonical($0)]] } ?? [:]
    }

    /// The tags of what the call is about.
    static func tagged(_ tags: [ResourceTag]) -> [String: [String]] {
        tags.reduce(into: [:]) { facts, tag in
            // Keys that differ in case alone are one condition key: a policy sees the values of both.
            for prefix in ["aws:resourcetag/", "iam:resourcetag/"] {
                facts[prefix + tag.key.lowercased(), default: []].append(tag.value)
            }
        }
    }
}

extension AWSCall {
    /// The user, group or role whose policies the call is about.
    func policyOwner(_ kind: EntityKind) throws -> PolicyOwner {
        let name =
            switch kind {
            case .group: try groupName()
            case .role: try roleName()
            default: try userName()
            }
        return PolicyOwner(kind, named: name, in: caller.account)
    }
}

extension EntityKind {
    /// As it stands in the names of operations and members: `AttachRolePolicy`, `RoleName`.
    var word: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
}
