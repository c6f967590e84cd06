import WeirCore
import WeirVault

/// The lists of grants. They are always empty, since no grant can be made (`CreateGrant` is refused).
struct GrantOperations: Sendable {
    let keys: Keys

    private static let principals = Pattern("^[\\w+=,.@:/-]+$") { text in
        !text.isEmpty && text.utf8.allSatisfy { ASCII.isWord($0) || "+=,.@:/-".utf8.contains($0) }
    }

    var table: [AWSOperation] {
        [
            AWSOperation(.kms, "ListGrants", may: .key, list),
            AWSOperation(.kms, "ListRetirableGrants", may: .account, listRetirable),
        ]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let part = try MarkerRequest(call.input, of: "ListGrants", defaultLimit: 50)
        _ = try call.input.optionalString("GrantId", length: 1...128)
        _ = try call.input.optionalString("GranteePrincipal", length: 1...256, pattern: Self.principals)
        _ = try await keys.resolve(call.keyName(), in: call.registry)
        return none(part)
    }

    private func listRetirable(_ call: AWSCall) async throws -> JSONValue {
        let part = try MarkerRequest(call.input, of: "ListRetirableGrants", defaultLimit: 50)
        _ = try call.input.string("RetiringPrincipal", length: 1...256, pattern: Self.principals)
        return none(part)
    }

    private func none(_ part: MarkerRequest) -> JSONValue {
        part.answer(VaultPage<String>(items: [], next: nil), as: "Grants") { _ in [:] }
    }
}
