extension LintedPolicy {
    /// A trust that was saved before such trusts were refused.
    func unboundSubject(_ statement: PolicyStatement) -> [String] {
        guard grammar == .trust, let fault = TrustPolicyCheck.fault(in: statement) else { return [] }
        return [fault.reason]
    }
}
