import WeirCore
import WeirIdentity
import WeirRegistry

/// Managed policies themselves: made, found, listed, tagged, deleted.
struct ManagedPolicyOperations: Sendable {
    let policies: ManagedPolicies
    let may: PolicyPermission

    private var partition: String { may.partition }

    var table: [AWSOperation] {
        [
            AWSOperation(.iam, "CreatePolicy", may: mayCreate, { try await create($0) }),
            AWSOperation(.iam, "GetPolicy", may: may.onPolicy(), { try await policy($0) }),
            AWSOperation(.iam, "ListPolicies", may: .account, { try await list($0) }),
            AWSOperation(.iam, "DeletePolicy", may: may.onPolicy(), doing: { try await delete($0) }),
            AWSOperation(.iam, "ListEntitiesForPolicy", may: may.onPolicy(), { try await entities($0) }),
            AWSOperation(
                .iam, "TagPolicy",
                may: may.onPolicy(
                    { Access.facts(giving: try $0.requiredTags()) },
                    reading: { _ = try $0.validated({ try $0.arn("PolicyArn") }, { try $0.requiredTags() }) }),
                doing: { try await tag($0) }),
            AWSOperation(
                .iam, "UntagPolicy",
                may: may.onPolicy(
                    { Access.facts(naming: try $0.tagKeys()) },
                    reading: { _ = try $0.validated({ try $0.arn("PolicyArn") }, { try $0.tagKeys() }) }),
                doing: { try await untag($0) }),
            AWSOperation(.iam, "ListPolicyTags", may: may.onPolicy(), { try await tags($0) }),
        ]
    }

    // MARK: Making

    private struct New: Sendable {
        let name: String
        let path: String
        let document: String
        let description: String?
        let tags: [ResourceTag]

        init(_ call: AWSCall) throws {
            (name, path, document, description, tags) = try call.validated(
                { try $0.policyName() }, { try $0.policyPath() }, { try $0.policyDocument("PolicyDocument") },
                { try $0.policyDescription() }, { try $0.tags() })
        }
    }

    private var mayCreate: OperationPermission {
        PolicyPermission.making { call in
            let new = try New(call)
            return ("arn:\(partition):iam::\(call.caller.account):policy\(new.path)\(new.name)", new.tags)
        }
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let new = try New(call)
        let policy = try await policies.create(
            new.name, path: new.path, document: new.document, description: new.description, tags: new.tags,
            in: call.caller.account)
        call.warn(about: new.document, of: "the policy \(new.name)", as: .identity)
        return ["Policy": policy.json(partition).adding(["Tags": policy.tags.isEmpty ? nil : .tagList(policy.tags)])]
    }

    // MARK: Finding

    private func policy(_ call: AWSCall) async throws -> JSONValue {
        let policy = try await policies.policy(call.arn("PolicyArn"), in: call.caller.account)
        return [
            "Policy": policy.json(partition).adding([
                "Tags": .tagList(policy.tags), "Description": policy.description.map { .string($0) },
            ])
        ]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let (scope, isUsed, path, use) = try call.validated(
            { try $0.input.optionalChoice("Scope", ManagedPolicies.Filter.Scope.self) },
            { try $0.input.optionalBool("OnlyAttached") }, { try $0.policyPathPrefix() },
            { try $0.input.optionalChoice("PolicyUsageFilter", PolicyUse.self) })
        let filter = ManagedPolicies.Filter(scope: scope ?? .all, isUsed: isUsed ?? false, use: use, path: path)
        let page = try IAMPageRequest(
            call, of: "ListPolicies \(filter.scope) \(filter.isUsed) \(use?.rawValue ?? "") \(path)")
        let (found, next) = try await policies.list(filter, in: call.caller.account, after: page.after, limit: page.limit)
        return page.answer(found, next: next, as: "Policies") { $0.json(partition) }
    }

    private func delete(_ call: AWSCall) async throws {
        try await policies.delete(call.arn("PolicyArn"), in: call.caller.account)
    }

    // MARK: Who uses it

    /// `EntityFilter`'s values; the last two have no entities.
    private enum Holders: String, CaseIterable {
        case user = "User"
        case role = "Role"
        case group = "Group"
        case local = "LocalManagedPolicy"
        case aws = "AWSManagedPolicy"

        var kind: EntityKind {
            switch self {
            case .user: .user
            case .role: .role
            case .group: .group
            case .local, .aws: .policy
            }
        }
    }

    private func entities(_ call: AWSCall) async throws -> JSONValue {
        let (arn, filter, path, use) = try call.validated(
            { try $0.arn("PolicyArn") }, { try $0.input.optionalChoice("EntityFilter", Holders.self) },
            { try $0.optionalPath("PathPrefix") }, { try $0.input.optionalChoice("PolicyUsageFilter", PolicyUse.self) })
        let page = try IAMPageRequest(
            call, of: "ListEntitiesForPolicy \(arn) \(filter?.rawValue ?? "") \(path ?? "") \(use?.rawValue ?? "")")
        let (found, next) = try await policies.entities(
            using: arn, as: use, kind: filter?.kind, path: path ?? "/", in: call.caller.account, after: page.after,
            limit: page.limit)
        func list(_ kind: EntityKind) -> JSONValue {
            .array(
                found.filter { $0.kind == kind }.map { entity in
                    .object(["\(kind.word)Name": .string(entity.name), "\(kind.word)Id": .string(entity.id)])
                })
        }
        return page.answer(found, next: next, as: "PolicyUsers") { _ in .null }.adding([
            "PolicyUsers": list(.user), "PolicyGroups": list(.group), "PolicyRoles": list(.role),
        ])
    }

    // MARK: Tags

    private func tag(_ call: AWSCall) async throws {
        try await policies.tag(call.arn("PolicyArn"), call.requiredTags(), in: call.caller.account)
    }

    private func untag(_ call: AWSCall) async throws {
        try await policies.untag(call.arn("PolicyArn"), call.tagKeys(), in: call.caller.account)
    }

    private func tags(_ call: AWSCall) async throws -> JSONValue {
        let arn = try call.arn("PolicyArn")
        let policy = try await policies.policy(arn, in: call.caller.account)
        return try call.page(ofTags: policy.tags, listing: "ListPolicyTags \(arn)")
    }
}

extension AWSCall {
    /// A page of an entity's tags.
    func page(ofTags tags: [ResourceTag], listing: String) throws -> JSONValue {
        let page = try IAMPageRequest(self, of: listing)
        let rest = tags.filter { $0.key > page.after ?? "" }
        let items = Array(rest.prefix(page.limit))
        return page.answer(items, next: rest.count > page.limit ? items.last?.key : nil, as: "Tags") {
            ["Key": .string($0.key), "Value": .string($0.value)]
        }
    }
}

extension ManagedPolicy {
    /// What every answer has of it.
    func json(_ partition: String) -> JSONValue {
        [
            "PolicyName": .string(arn.name), "PolicyId": .string(id), "Arn": .string(arn.text(partition: partition)),
            "Path": .string(arn.path), "DefaultVersionId": .string("v\(defaultVersion)"),
            "AttachmentCount": .integer(attachments),
            "PermissionsBoundaryUsageCount": .integer(boundaries), "IsAttachable": true, "CreateDate": .moment(createdAt),
            "UpdateDate": .moment(changedAt),
        ]
    }
}

extension JSONValue {
    /// The tags of a policy or a provider.
    static func tagList(_ tags: [ResourceTag]) -> JSONValue {
        .array(tags.map { ["Key": .string($0.key), "Value": .string($0.value)] })
    }
}
