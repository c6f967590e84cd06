extension LintedPolicy {
    /// An Allow of PassRole on every role, to every service.
    func passRoleOnEverything(_ statement: PolicyStatement) -> [String] {
        let isNamed = statement.actions.items.contains { !$0.isEverything && $0.matches("iam:PassRole") }
        guard grammar == .identity, statement.effect == .allow, case .only = statement.actions, isNamed,
            statement.isAboutEverything, !statement.conditions.contains(where: { $0.key == "iam:passedtoservice" })
        else { return [] }
        return ["every role"]
    }
}
