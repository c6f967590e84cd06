/// The operator of a condition: a test, and how it deals with several values, absent ones and negation.
struct PolicyOperator: Sendable, Equatable {
    /// How a key with many values is judged.
    enum Quantifier: Sendable { case plain, forAllValues, forAnyValue }

    let quantifier: Quantifier
    /// As written.
    let text: String
    /// `…IfExists`: the condition holds if the request lacks the key.
    let ifExists: Bool
    let kind: Kind
    /// `…NotEquals` and the like: the condition holds if no value fits.
    let isNegated: Bool

    enum Kind: Sendable, Equatable {
        case text(PolicyPattern.Wildcards, ignoringCase: Bool)
        case binary, arn, address, flag, isMissing
        case number(PolicyTest.Comparison)
        case moment(PolicyTest.Comparison)
    }

    var comparesDates: Bool { if case .moment = kind { true } else { false } }

    /// Nil for an unknown one.
    init?(_ name: String) {
        var rest = name
        if let quantified = rest.rest(after: "ForAllValues:") {
            (quantifier, rest) = (.forAllValues, String(quantified))
        } else if let quantified = rest.rest(after: "ForAnyValue:") {
            (quantifier, rest) = (.forAnyValue, String(quantified))
        } else {
            quantifier = .plain
        }
        ifExists = rest.hasSuffix("IfExists")
        if ifExists { rest = String(rest.dropLast("IfExists".count)) }
        guard let (kind, isNegated) = Self.table[rest], rest.utf8.allSatisfy({ $0 < 0x80 }),
            !(kind == .isMissing && (ifExists || quantifier != .plain))
        else { return nil }
        text = name
        self.kind = kind
        self.isNegated = isNegated
    }

    private static let table: [String: (Kind, isNegated: Bool)] = [
        "StringEquals": (.text(.literal, ignoringCase: false), false),
        "StringNotEquals": (.text(.literal, ignoringCase: false), true),
        "StringEqualsIgnoreCase": (.text(.literal, ignoringCase: true), false),
        "StringNotEqualsIgnoreCase": (.text(.literal, ignoringCase: true), true),
        "StringLike": (.text(.matched, ignoringCase: false), false),
        "StringNotLike": (.text(.matched, ignoringCase: false), true),
        "BinaryEquals": (.binary, false),
        "ArnEquals": (.arn, false), "ArnLike": (.arn, false), "ArnNotEquals": (.arn, true), "ArnNotLike": (.arn, true),
        "IpAddress": (.address, false), "NotIpAddress": (.address, true),
        "Bool": (.flag, false), "Null": (.isMissing, false),
        "NumericEquals": (.number(.equal), false), "NumericNotEquals": (.number(.equal), true),
        "NumericLessThan": (.number(.less), false), "NumericLessThanEquals": (.number(.lessOrEqual), false),
        "NumericGreaterThan": (.number(.greater), false), "NumericGreaterThanEquals": (.number(.greaterOrEqual), false),
        "DateEquals": (.moment(.equal), false), "DateNotEquals": (.moment(.equal), true),
        "DateLessThan": (.moment(.less), false), "DateLessThanEquals": (.moment(.lessOrEqual), false),
        "DateGreaterThan": (.moment(.greater), false), "DateGreaterThanEquals": (.moment(.greaterOrEqual), false),
    ]

    /// All names, for tests and the documentation.
    package static var names: [String] { table.keys.sorted() }
}
