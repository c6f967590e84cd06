extension LintedPolicy {
    func notPrincipalInDeny(_ statement: PolicyStatement) -> [String] {
        guard statement.effect == .deny, case .allBut(let principals)? = statement.principals else { return [] }
        return [principals.prefix(3).map(\.text).joined(separator: ", ")]
    }
}
