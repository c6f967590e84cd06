extension LintedPolicy {
    /// An Allow by ForAllValues alone, without a Null condition that demands the key.
    func forAllValuesInAllow(_ statement: PolicyStatement) -> [String] {
        guard statement.effect == .allow else { return [] }
        let demanded = statement.conditions.filter { $0.test == .isMissing([false]) }.map(\.key)
        return statement.conditions.filter { $0.operation.quantifier == .forAllValues && !demanded.contains($0.key) }
            .map { "\($0.operation.text) of \(ConditionKeys.shown($0.key))" }
    }
}
