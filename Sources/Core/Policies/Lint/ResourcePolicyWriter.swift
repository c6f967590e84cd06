extension LintedPolicy {
    /// The actions that write a resource's policy, or what stands for one.
    static let policyWriters = [
        "ecr:SetRepositoryPolicy", "ecr:PutRegistryPolicy", "ecr:CreateRepositoryCreationTemplate",
        "ecr:UpdateRepositoryCreationTemplate", "secretsmanager:PutResourcePolicy", "kms:PutKeyPolicy", "kms:CreateGrant",
    ]

    /// An Allow of such an action on every resource, where the statement spells the action's service.
    func resourcePolicyWriter(_ statement: PolicyStatement) -> [String] {
        guard grammar == .identity, statement.effect == .allow, case .only(let patterns) = statement.actions,
            statement.isAboutEverything, statement.conditions.isEmpty
        else { return [] }
        return Self.policyWriters.filter { action in patterns.contains { !$0.isEverything && $0.matches(action) } }
    }
}
