import WeirCore

/// Whom a role's trust policy names: pinned to their unique ids when the policy is saved, and read back as they are now.
///
/// A provider's id is kept as well: a provider that was deleted and made again is another one.
enum TrustPins {
    /// The ids of those whom a text names, by name.
    ///
    /// Throws `.malformedPolicyDocument` for a user or role that an account of this server does not have. A provider that is not
    /// there is accepted, as AWS does.
    static func pins(
        of text: String, _ principals: any PrincipalPolicies, _ store: IdentityStore
    ) async throws -> [String: String] {
        var pins: [String: String] = [:]
        for name in PrincipalNames.names(in: text) {
            if let (account, url) = provider(name) {
                pins[name] = try await store.read { sql in
                    try EntityTable.find(.oidcProvider, named: url, in: account, sql)?.id
                }
                continue
            }
            switch try await principals.principal(name) {
            case .found(id: let id): pins[name] = id
            case .elsewhere: continue
            case .missing:
                throw Refusal(.malformedPolicyDocument, "Invalid principal in policy: \"AWS\":\"\(name)\"")
            }
        }
        return pins
    }

    /// The text as its readers are shown it.
    static func shown(_ row: RoleTable.Row, _ sql: any SQLConnection) throws -> String {
        var names: [String: String] = [:]
        for (name, id) in row.pins where provider(name) == nil && !isSession(name) {
            let partition = name.split(separator: ":", maxSplits: 2).dropFirst().first.map(String.init) ?? "aws"
            let now = try EntityTable.find(id: id, sql)?.arn(partition: partition) ?? id
            if now != name { names[name] = now }
        }
        return PolicyText(row.trust).replacingPrincipals { names[$0] }
    }

    /// The policy as it is evaluated: nil if what is stored cannot be read.
    static func policy(_ row: RoleTable.Row, _ sql: any SQLConnection) throws -> PolicyDocument? {
        var (pins, gone) = ([String: String](), [String: String]())
        for (name, id) in row.pins {
            guard let (account, url) = provider(name) else {
                pins[name] = id
                continue
            }
            // Another provider of that name has no part in it: an id is no provider's ARN.
            if try EntityTable.find(.oidcProvider, named: url, in: account, sql)?.id != id { gone[name] = id }
        }
        return try? PolicyDocument(
            PrincipalNames.replaced(in: row.trust, gone), as: .trust, maxLength: longestStored, pins: pins)
    }

    /// Characters. What is saved is bounded more closely; ids in place of ARNs, and JSON written anew, change the length.
    private static let longestStored = 131_072

    private static func isSession(_ name: String) -> Bool { PrincipalARN(name)?.path == nil }

    /// The account and URL in the ARN of an OIDC provider.
    private static func provider(_ name: String) -> (AccountID, String)? {
        let parts = name.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[2] == "iam", parts[3].isEmpty,
            let account = try? AccountID(String(parts[4])), parts[5].hasPrefix("oidc-provider/")
        else { return nil }
        return (account, String(parts[5].dropFirst("oidc-provider/".count)))
    }
}
