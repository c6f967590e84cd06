extension LintedPolicy {
    /// A trust in the names of GitHub's owners and repositories, without their ids.
    func reusableNames(_ statement: PolicyStatement) -> [String] {
        let issuer = "token.actions.githubusercontent.com:"
        guard grammar == .trust, statement.effect == .allow else { return [] }
        let keys = Set(statement.conditions.map(\.key))
        guard keys.contains(issuer + "sub"), keys.isDisjoint(with: [issuer + "repository_id", issuer + "repository_owner_id"])
        else { return [] }
        return [issuer + "sub"]
    }
}
