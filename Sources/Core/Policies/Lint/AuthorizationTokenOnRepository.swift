extension LintedPolicy {
    /// An Allow that spells GetAuthorizationToken and names no resource that fits `*`, where no other statement of the policy
    /// allows it.
    func authorizationTokenOnRepository(_ statement: PolicyStatement) -> [String] {
        let action = "ecr:GetAuthorizationToken"
        func fits(_ statement: PolicyStatement) -> Bool {
            guard statement.effect == .allow, statement.covers(action: action) else { return false }
            guard case .only(let patterns)? = statement.resources else { return true }
            return patterns.contains { $0.matches("*") }
        }
        let isSpelt = statement.actions.items.contains { $0.isLiteral && $0.matches(action) }
        guard grammar == .identity, isSpelt, statement.effect == .allow, case .only(let patterns)? = statement.resources,
            !document.statements.contains(where: fits)
        else { return [] }
        return patterns.prefix(1).map(\.text)
    }
}
