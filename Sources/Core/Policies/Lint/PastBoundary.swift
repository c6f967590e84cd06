extension LintedPolicy {
    /// An Allow for a user or a session by name, which stands alone in the resource's own account.
    func pastBoundary(_ statement: PolicyStatement) -> [String] {
        guard grammar == .resource, statement.effect == .allow, case .only(let principals)? = statement.principals else {
            return []
        }
        return principals.filter { principal in
            switch principal {
            case .identity(let arn), .pinned(let arn, _): !arn.contains(":role/")
            case .uniqueID(let id): id.hasPrefix("AIDA")
            case .everyone, .account, .service, .federated, .elsewhere: false
            }
        }.map(\.text)
    }
}
