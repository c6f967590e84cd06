/// A request that was denied, with its decision: for those who may be told more than the sentence.
package final class AuthorizationDenial: Sendable {
    package let request: AuthorizationRequest
    package let decision: AuthorizationDecision
    /// The statement that denies it; nil where none allows it.
    package let statement: PolicyStatement?

    init(_ request: AuthorizationRequest, _ decision: AuthorizationDecision, _ layers: PolicyLayers?) {
        self.request = request
        self.decision = decision
        statement = layers.flatMap { Self.decider(of: decision, in: $0) }
    }

    private static func decider(of decision: AuthorizationDecision, in layers: PolicyLayers) -> PolicyStatement? {
        guard let decider = decision.decider, case .explicitDeny(let layer) = decision.verdict else { return nil }
        let policies: [NamedPolicy] =
            switch layer {
            case .resource: layers.resource
            case .identity: layers.caller.identity
            case .boundary: layers.caller.boundary ?? []
            case .session: layers.caller.session ?? []
            }
        for policy in policies where policy.source == decider.policy && decider.index < policy.document.statements.count {
            return policy.document.statements[decider.index]
        }
        return nil
    }
}

extension PolicyStatement {
    /// The actions that it names, as they were written.
    package var actionTexts: [String] { actions.items.map(\.text) }

    /// The resources that it names, as they were written; `*` where it names none.
    package var resourceTexts: [String] { resources?.items.map(\.text) ?? ["*"] }

    /// The condition keys that it asks for, with the texts that they are compared with.
    package var conditionTexts: [(key: String, values: [String])] {
        conditions.map { ($0.key, $0.operands) }
    }
}
