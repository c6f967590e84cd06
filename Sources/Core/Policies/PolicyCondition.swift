/// One line of a `Condition` block: an operator, a key of the request, and the values it is compared with.
struct PolicyCondition: Sendable, Equatable {
    /// How a key with many values is judged.
    enum Quantifier: Sendable { case plain, forAllValues, forAnyValue }

    let quantifier: Quantifier
    let test: PolicyTest
    /// `…NotEquals` and the like: the condition holds if no value fits.
    let isNegated: Bool
    /// `…IfExists`: the condition holds if the request lacks the key.
    let ifExists: Bool
    /// In lower case.
    let key: String

    /// Reads a `Condition` block, `{operator: {key: values}}`. All lines must hold.
    static func list(_ value: JSONValue, _ version: PolicyVersion) throws(PolicyError) -> [PolicyCondition] {
        guard case .object(let operators) = value else { throw PolicyError("'Condition' is not an object") }
        var conditions: [PolicyCondition] = []
        for (name, lines) in operators.sorted(by: { $0.key < $1.key }) {
            guard case .object(let keys) = lines else { throw PolicyError("the condition '\(name)' is not an object") }
            for (key, operands) in keys.sorted(by: { $0.key < $1.key }) {
                guard let operands = operands.scalars, !key.isEmpty else {
                    throw PolicyError("the values of '\(key)' under '\(name)' are not strings")
                }
                conditions.append(try PolicyCondition(name, key, operands, version))
            }
        }
        return conditions
    }

    private init(
        _ name: String, _ key: String, _ operands: [String], _ version: PolicyVersion
    ) throws(PolicyError) {
        var rest = Substring(name)
        if let quantified = rest.dropping(prefix: "ForAllValues:") {
            (quantifier, rest) = (.forAllValues, quantified)
        } else if let quantified = rest.dropping(prefix: "ForAnyValue:") {
            (quantifier, rest) = (.forAnyValue, quantified)
        } else {
            quantifier = .plain
        }
        let optional = rest.dropping(suffix: "IfExists")
        ifExists = optional != nil
        rest = optional ?? rest
        guard let (test, isNegated) = try PolicyTest.named(String(rest), operands, version),
            !(rest == "Null" && (ifExists || quantifier != .plain))
        else { throw PolicyError("'\(name)' is not a condition operator") }
        self.test = test
        self.isNegated = isNegated
        self.key = key.lowercased()
    }

    /// True if the request's value, or one that a variable brings in, is too long to compare.
    func isBeyondReading(in context: PolicyContext) -> Bool {
        context.isTooLong(key) || test.patterns.contains { $0.isBeyondReading(in: context) }
    }

    func holds(_ context: PolicyContext) -> Bool {
        let values = context.values(for: key)
        if case .isMissing(let wanted) = test { return wanted.contains(values.isEmpty) }
        let satisfies = { (value: String) in test.fits(value, context) != isNegated }
        switch quantifier {
        // A negated operator holds for an absent key: an absent value equals nothing.
        case .plain where values.isEmpty: return ifExists || isNegated
        case .plain: return isNegated ? values.allSatisfy(satisfies) : values.contains(where: satisfies)
        case .forAllValues: return values.allSatisfy(satisfies)
        case .forAnyValue: return values.isEmpty ? ifExists : values.contains(where: satisfies)
        }
    }
}

extension Substring {
    fileprivate func dropping(prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
    fileprivate func dropping(suffix: String) -> Substring? {
        hasSuffix(suffix) ? dropLast(suffix.count) : nil
    }
}
