extension LintedPolicy {
    /// A key that no request has: the Allow never allows, and the Deny never denies.
    func neverFilledKey(_ statement: PolicyStatement) -> [String] {
        Set(statement.keys()).sorted().filter { !ConditionKeys.areFilled($0, organization: organization) }
            .map(ConditionKeys.shown)
    }
}
