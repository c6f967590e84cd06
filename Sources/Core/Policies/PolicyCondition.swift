/// One line of a `Condition` block: an operator, a key of the request, and the values it is compared with.
struct PolicyCondition: Sendable, Equatable {
    let operation: PolicyOperator
    let test: PolicyTest
    /// In lower case.
    let key: String
    /// As written, for those who are told why it did not hold.
    let operands: [String]
    private let hasVariables: Bool

    init(_ draft: StatementDraft.Condition, _ version: PolicyVersion) throws(PolicyFault) {
        operation = draft.operation
        test = try PolicyTest(draft.operation.kind, draft.operands, version)
        key = draft.key.asciiLowercased
        operands = draft.operands
        hasVariables = test.patterns.contains(where: \.hasVariables)
    }

    /// What the condition says of a request, for a statement of this effect.
    ///
    /// What cannot be read helps no caller: a value that is too long or not of the kind that is compared, or an operand whose
    /// variable has no value, makes no Allow hold, and lifts no Deny.
    func holds(_ context: PolicyContext, in effect: PolicyStatement.Effect) -> Bool {
        let values = context.values(for: key)
        if PolicyContext.areTooLong(values) { return effect == .deny }
        if case .isMissing(let wanted) = test { return wanted.contains(values.isEmpty) }
        guard hasVariables else { return holds(values, context, effect) }
        var isMissing = false
        for pattern in test.patterns {
            switch pattern.readability(in: context) {
            case .isBeyondReading: return effect == .deny
            case .hasNoValue: isMissing = true
            case .fits, .differs: continue
            }
        }
        // Such an operand equals nothing: only a value that fits another one may still help.
        if isMissing, effect == .allow, operation.isNegated || values.isEmpty { return false }
        return holds(values, context, effect)
    }

    private func holds(_ values: [String], _ context: PolicyContext, _ effect: PolicyStatement.Effect) -> Bool {
        let isNegated = operation.isNegated
        let satisfies = { (value: String) in
            switch test.fits(value, context) {
            case true?: !isNegated
            case false?: isNegated
            case nil: isNegated && effect == .deny
            }
        }
        switch operation.quantifier {
        // A negated operator holds for an absent key: an absent value equals nothing.
        case .plain where values.isEmpty: return operation.ifExists || isNegated
        case .plain: return isNegated ? values.allSatisfy(satisfies) : values.contains(where: satisfies)
        // AWS takes empty values for no values here.
        case .forAllValues: return values.allSatisfy(satisfies) || values.allSatisfy(\.isEmpty)
        case .forAnyValue: return values.isEmpty ? operation.ifExists : values.contains(where: satisfies)
        }
    }
}
