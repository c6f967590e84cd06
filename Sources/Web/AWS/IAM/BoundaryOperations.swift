import WeirCore
import WeirIdentity

/// The permissions boundaries of users and roles.
struct BoundaryOperations: Sendable {
    let boundaries: PermissionsBoundaries
    let may: PolicyPermission

    var table: [AWSOperation] {
        [EntityKind.user, .role].flatMap { kind in
            [
                AWSOperation(
                    .iam, "Put\(kind.word)PermissionsBoundary",
                    // The new one: a delegation says which boundary may be given.
                    may: may.on(
                        kind, { call, _ in ["iam:PermissionsBoundary": [may.canonical(try call.arn("PermissionsBoundary"))]] },
                        reading: { _ = try Self.new($0, kind) }),
                    doing: { try await put($0, kind) }),
                AWSOperation(
                    .iam, "Delete\(kind.word)PermissionsBoundary", may: may.on(kind, { _, entity in may.boundary(of: entity) }),
                    doing: { try await boundaries.delete(of: $0.policyOwner(kind)) }),
            ]
        }
    }

    private static func new(_ call: AWSCall, _ kind: EntityKind) throws -> (owner: PolicyOwner, arn: String) {
        try call.validated({ try $0.policyOwner(kind) }, { try $0.arn("PermissionsBoundary") })
    }

    private func put(_ call: AWSCall, _ kind: EntityKind) async throws {
        let (owner, arn) = try Self.new(call, kind)
        try await boundaries.set(arn, of: owner)
    }
}
