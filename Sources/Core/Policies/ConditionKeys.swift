/// The condition keys that this server fills in for a request.
///
/// Any other key behaves like one that is absent from a request to AWS: `StringEquals` fails, `StringNotEquals` and `…IfExists`
/// hold, `Null` is true. Like AWS, the server accepts a policy that names such a key, and warns its author: an Allow that needs
/// the key never allows, and a Deny that needs it never denies.
package enum ConditionKeys {
    private static let exact: [String: ConditionKey] = Dictionary(
        uniqueKeysWithValues: ConditionKey.all.filter { !$0.isPrefix }.map { ($0.name.asciiLowercased, $0) })
    private static let prefixes: [(text: String, key: ConditionKey)] =
        ConditionKey.all.filter(\.isPrefix).map { ($0.name.asciiLowercased, $0) }

    /// The row of the key, compared without regard to case; nil for one that is never filled. A web identity's claim,
    /// `ISSUER:CLAIM`, has no row of its own.
    package static func row(of key: String) -> ConditionKey? {
        let key = key.asciiLowercased
        if let row = exact[key] { return row }
        if let row = prefixes.first(where: { key.rest(after: $0.text) != nil })?.key { return row }
        return isClaim(key) ? ConditionKey(key, .webIdentities) : nil
    }

    /// A key as AWS writes it, for its author: `aws:PrincipalOrgID`. Of one that has no row: as it is compared, in lower case.
    static func shown(_ key: String) -> String { exact[key]?.name ?? key }

    /// True if the server fills in the key for some requests.
    ///
    /// - Parameter organization: the server's accounts form an organization, whose keys are filled then.
    package static func areFilled(_ key: String, organization: Bool = false) -> Bool {
        guard let row = row(of: key) else { return false }
        return organization || row.filler != .organization
    }

    /// `ISSUER:CLAIM`, where the issuer begins with the name of a host: `oidc.example.com/id/A:sub`. A port may follow the host.
    private static func isClaim(_ key: String) -> Bool {
        guard let slash = key.firstIndex(where: { $0 == "/" || $0 == ":" }), let colon = key.lastIndex(of: ":"),
            key.index(after: colon) < key.endIndex
        else { return false }
        let host = key[..<slash]
        return host.contains(".") || host == "localhost"
    }
}

extension PolicyDocument {
    /// A condition key that no request to this server has, and the statement that names it: by its Sid, or by its number.
    package struct UnfilledKey: Sendable, Hashable {
        package let key: String
        package let statement: String
        package let effect: PolicyStatement.Effect

        /// A sentence for the policy's author.
        package var warning: String {
            let effect =
                effect == .deny
                ? "a Deny that looks for it is never felt" : "an Allow that needs it never allows"
            return "The condition key \(key) of the statement \(statement) is never filled on this server: \(effect)."
        }
    }

    /// The keys that the policy reads, in conditions or in variables, and that no request has. Each key once per statement.
    package var unfilledKeys: [UnfilledKey] { unfilledKeys(organization: false) }

    /// - Parameter organization: the server's accounts form an organization.
    package func unfilledKeys(organization: Bool) -> [UnfilledKey] {
        var found: [UnfilledKey] = []
        for (index, statement) in statements.enumerated() {
            for key in Set(statement.keys()).sorted() where !ConditionKeys.areFilled(key, organization: organization) {
                found.append(UnfilledKey(key: key, statement: statement.label(at: index), effect: statement.effect))
            }
        }
        return found
    }

    /// All keys that the policy reads, in lower case and sorted: what `GetContextKeysForCustomPolicy` lists.
    package var contextKeys: [String] {
        statements.reduce(into: Set<String>()) { $0.formUnion($1.keys(onlyNeeded: false)) }.sorted()
    }
}

extension PolicyStatement {
    /// In lower case, as in `PolicyContext`. Variables with a default are left out if `onlyNeeded`.
    func keys(onlyNeeded: Bool = true) -> [String] {
        let patterns = (resources?.items ?? []) + conditions.flatMap(\.test.patterns)
        return conditions.map(\.key) + patterns.flatMap { $0.variables(onlyNeeded: onlyNeeded) }
    }

    /// How a message names the statement: its Sid in quotation marks, or its number from 1.
    func label(at index: Int) -> String { sid.map { "'\($0)'" } ?? "\(index + 1)" }
}
