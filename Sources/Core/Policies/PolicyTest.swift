/// The comparison of a condition. A request's value fits if it fits one of the operands.
enum PolicyTest: Sendable, Equatable {
    case text([PolicyPattern], ignoringCase: Bool)
    case number(Comparison, [Double])
    case moment(Comparison, [Timestamp])
    case flag([Bool])
    case address([AddressBlock])
    /// The six parts of an ARN are compared separately: a wildcard never spans a colon.
    case arn([[PolicyPattern]])
    /// `Null`: whether the key is missing.
    case isMissing([Bool])

    enum Comparison: Sendable { case equal, less, lessOrEqual, greater, greaterOrEqual }

    /// The test that the operator's name stands for, and whether it is negated; nil for an unknown name.
    static func named(
        _ name: String, _ operands: [String], _ version: PolicyVersion
    ) throws(PolicyError) -> (PolicyTest, isNegated: Bool)? {
        switch name {
        case "StringEquals": (try texts(operands, version, .literal), false)
        case "StringNotEquals": (try texts(operands, version, .literal), true)
        case "StringEqualsIgnoreCase": (try texts(operands, version, .literal, ignoringCase: true), false)
        case "StringNotEqualsIgnoreCase": (try texts(operands, version, .literal, ignoringCase: true), true)
        case "StringLike": (try texts(operands, version, .matched), false)
        case "StringNotLike": (try texts(operands, version, .matched), true)
        case "BinaryEquals": (try texts(operands, .v2008, .literal), false)
        case "ArnEquals", "ArnLike": (try arns(operands, version), false)
        case "ArnNotEquals", "ArnNotLike": (try arns(operands, version), true)
        case "IpAddress": (.address(try read(operands, "an IP address or range", AddressBlock.init)), false)
        case "NotIpAddress": (.address(try read(operands, "an IP address or range", AddressBlock.init)), true)
        case "Bool": (.flag(try read(operands, "true or false", flag)), false)
        case "Null": (.isMissing(try read(operands, "true or false", flag)), false)
        default: try ordered(name, operands)
        }
    }

    /// The twelve operators that compare numbers and dates.
    private static func ordered(
        _ name: String, _ operands: [String]
    ) throws(PolicyError) -> (PolicyTest, isNegated: Bool)? {
        let isNumber = name.hasPrefix("Numeric")
        guard isNumber || name.hasPrefix("Date"),
            let (comparison, isNegated) = comparison(String(name.dropFirst(isNumber ? 7 : 4)))
        else { return nil }
        if isNumber { return (.number(comparison, try read(operands, "a number", number)), isNegated) }
        return (.moment(comparison, try read(operands, "a date", moment)), isNegated)
    }

    private static func comparison(_ name: String) -> (Comparison, isNegated: Bool)? {
        switch name {
        case "Equals": (.equal, false)
        case "NotEquals": (.equal, true)
        case "LessThan": (.less, false)
        case "LessThanEquals": (.lessOrEqual, false)
        case "GreaterThan": (.greater, false)
        case "GreaterThanEquals": (.greaterOrEqual, false)
        default: nil
        }
    }

    /// The operands that may contain variables.
    var patterns: [PolicyPattern] {
        switch self {
        case .text(let patterns, _): patterns
        case .arn(let patterns): patterns.flatMap { $0 }
        case .number, .moment, .flag, .address, .isMissing: []
        }
    }

    func fits(_ value: String, _ context: PolicyContext) -> Bool {
        switch self {
        case .text(let patterns, let ignoringCase):
            return patterns.contains { $0.matches(value, context, ignoringCase: ignoringCase) }
        case .number(let comparison, let operands):
            guard let value = Self.number(value) else { return false }
            return operands.contains { Self.holds(value, comparison, $0) }
        case .moment(let comparison, let operands):
            guard let value = Self.moment(value) else { return false }
            return operands.contains { Self.holds(value, comparison, $0) }
        case .flag(let operands):
            return Self.flag(value).map(operands.contains) ?? false
        case .address(let blocks):
            guard let address = IPAddress(withZone: value)?.unmapped else { return false }
            return blocks.contains { $0.contains(address) }
        case .arn(let patterns):
            let parts = value.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
            return patterns.contains { pattern in
                pattern.count == parts.count
                    && zip(pattern, parts).allSatisfy { $0.matches(String($1), context) }
            }
        case .isMissing:
            return false
        }
    }

    private static func holds<Value: Comparable>(_ left: Value, _ comparison: Comparison, _ right: Value) -> Bool {
        switch comparison {
        case .equal: left == right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        }
    }

    private static func texts(
        _ operands: [String], _ version: PolicyVersion, _ wildcards: PolicyPattern.Wildcards, ignoringCase: Bool = false
    ) throws(PolicyError) -> PolicyTest {
        let patterns = try read(operands, "a text") { PolicyPattern($0, variables: version, wildcards: wildcards) }
        return .text(patterns, ignoringCase: ignoringCase)
    }

    private static func arns(_ operands: [String], _ version: PolicyVersion) throws(PolicyError) -> PolicyTest {
        .arn(
            try read(operands, "an ARN") { text in
                guard let parts = PolicyPattern(text, variables: version)?.parts else { return nil }
                return parts.count == 6 ? parts : text == "*" ? Array(repeating: parts[0], count: 6) : nil
            })
    }

    private static func read<Operand>(
        _ texts: [String], _ noun: String, _ one: (String) -> Operand?
    ) throws(PolicyError) -> [Operand] {
        var operands: [Operand] = []
        for text in texts {
            guard let operand = one(text) else { throw PolicyError("'\(text)' is not \(noun)") }
            operands.append(operand)
        }
        return operands
    }

    private static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true": true
        case "false": false
        default: nil
        }
    }

    private static func number(_ text: String) -> Double? {
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// ISO 8601, or seconds since 1970.
    private static func moment(_ text: String) -> Timestamp? {
        Timestamp(iso8601: text) ?? Int64(text).flatMap { (-(1 << 40)...(1 << 40)).contains($0) ? Timestamp(seconds: $0) : nil }
    }
}
