import WeirCore
import WeirIdentity

/// The policies inside users, groups and roles.
struct InlinePolicyOperations: Sendable {
    let policies: InlinePolicies
    let may: PolicyPermission

    var table: [AWSOperation] {
        [EntityKind.user, .group, .role].flatMap { kind in
            let ofOne: @Sendable (AWSCall) throws -> Void = { call in _ = try Self.one(call, kind) }
            return [
                AWSOperation(
                    .iam, "Put\(kind.word)Policy",
                    may: may.on(kind, { _, entity in may.boundary(of: entity) }, reading: { _ = try Self.new($0, kind) }),
                    doing: { try await put($0, kind) }),
                AWSOperation(.iam, "Get\(kind.word)Policy", may: may.on(kind, reading: ofOne), { try await policy($0, kind) }),
                AWSOperation(
                    .iam, "Delete\(kind.word)Policy",
                    may: may.on(kind, { _, entity in may.boundary(of: entity) }, reading: ofOne),
                    doing: { try await delete($0, kind) }),
                AWSOperation(.iam, "List\(kind.word)Policies", may: may.on(kind), { try await list($0, kind) }),
            ]
        }
    }

    private static func one(_ call: AWSCall, _ kind: EntityKind) throws -> (owner: PolicyOwner, name: String) {
        try call.validated({ try $0.policyOwner(kind) }, { try $0.policyName() })
    }

    private static func new(_ call: AWSCall, _ kind: EntityKind) throws -> (owner: PolicyOwner, name: String, document: String) {
        try call.validated(
            { try $0.policyOwner(kind) }, { try $0.policyName() }, { try $0.policyDocument("PolicyDocument") })
    }

    private func put(_ call: AWSCall, _ kind: EntityKind) async throws {
        let (owner, name, document) = try Self.new(call, kind)
        try await policies.put(name, document: document, of: owner)
        call.warn(about: document, of: "the policy \(name) of the \(kind.rawValue) \(owner.name)", as: .identity)
    }

    private func policy(_ call: AWSCall, _ kind: EntityKind) async throws -> JSONValue {
        let (owner, name) = try Self.one(call, kind)
        let found = try await policies.document(name, of: owner)
        return .object([
            "\(kind.word)Name": .string(found.owner), "PolicyName": .string(name), "PolicyDocument": .policyDocument(found.text),
        ])
    }

    private func delete(_ call: AWSCall, _ kind: EntityKind) async throws {
        let (owner, name) = try Self.one(call, kind)
        try await policies.delete(name, of: owner)
    }

    private func list(_ call: AWSCall, _ kind: EntityKind) async throws -> JSONValue {
        let owner = try call.policyOwner(kind)
        let page = try IAMPageRequest(call, of: "List\(kind.word)Policies \(owner.name)")
        let (names, next) = try await policies.names(of: owner, after: page.after, limit: page.limit)
        return page.answer(names, next: next, as: "PolicyNames") { .string($0) }
    }
}
