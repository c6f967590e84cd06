extension LintedPolicy {
    /// An Allow for `*` without any condition.
    func everyone(_ statement: PolicyStatement) -> [String] {
        guard statement.effect == .allow, statement.conditions.isEmpty, case .only(let principals)? = statement.principals,
            principals.contains(.everyone)
        else { return [] }
        return ["*"]
    }
}
