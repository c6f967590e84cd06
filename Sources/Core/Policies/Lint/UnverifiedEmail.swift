extension LintedPolicy {
    /// A trust by the claim `email` of an issuer, without its `email_verified` and its `sub`.
    func unverifiedEmail(_ statement: PolicyStatement) -> [String] {
        guard grammar == .trust, statement.effect == .allow else { return [] }
        let keys = Set(statement.conditions.map(\.key))
        return keys.sorted().filter { key in
            guard key.hasSuffix(":email") else { return false }
            let issuer = key.dropLast("email".count)
            return keys.isDisjoint(with: ["\(issuer)email_verified", "\(issuer)sub"])
        }
    }
}
