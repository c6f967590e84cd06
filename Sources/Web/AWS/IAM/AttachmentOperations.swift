import WeirCore
import WeirIdentity

/// Managed policies on users, groups and roles.
struct AttachmentOperations: Sendable {
    let attachments: PolicyAttachments
    let may: PolicyPermission

    var table: [AWSOperation] {
        [EntityKind.user, .group, .role].flatMap { kind in
            let changing = may.on(
                kind,
                { call, entity in
                    ["iam:PolicyARN": [may.canonical(try call.arn("PolicyArn"))]].merging(may.boundary(of: entity)) { $0 + $1 }
                },
                reading: { _ = try Self.change($0, kind) })
            return [
                AWSOperation(.iam, "Attach\(kind.word)Policy", may: changing, doing: { try await attach($0, kind) }),
                AWSOperation(.iam, "Detach\(kind.word)Policy", may: changing, doing: { try await detach($0, kind) }),
                AWSOperation(.iam, "ListAttached\(kind.word)Policies", may: may.on(kind), { try await list($0, kind) }),
            ]
        }
    }

    private static func change(_ call: AWSCall, _ kind: EntityKind) throws -> (owner: PolicyOwner, arn: String) {
        try call.validated({ try $0.policyOwner(kind) }, { try $0.arn("PolicyArn") })
    }

    private func attach(_ call: AWSCall, _ kind: EntityKind) async throws {
        let (owner, arn) = try Self.change(call, kind)
        try await attachments.attach(arn, to: owner)
    }

    private func detach(_ call: AWSCall, _ kind: EntityKind) async throws {
        let (owner, arn) = try Self.change(call, kind)
        try await attachments.detach(arn, from: owner)
    }

    private func list(_ call: AWSCall, _ kind: EntityKind) async throws -> JSONValue {
        let (owner, path) = try call.validated({ try $0.policyOwner(kind) }, { try $0.policyPathPrefix() })
        let page = try IAMPageRequest(call, of: "ListAttached\(kind.word)Policies \(owner.name) \(path)")
        let (policies, next) = try await attachments.list(of: owner, path: path, after: page.after, limit: page.limit)
        return page.answer(policies, next: next, as: "AttachedPolicies") { $0.attached(may.partition) }
    }
}

extension ManagedPolicyARN {
    /// As it stands among what is attached.
    func attached(_ partition: String) -> JSONValue {
        ["PolicyName": .string(name), "PolicyArn": .string(text(partition: partition))]
    }
}
