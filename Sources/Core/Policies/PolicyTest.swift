/// The comparison of a condition. A request's value fits if it fits one of the operands.
enum PolicyTest: Sendable, Equatable {
    case text([PolicyPattern])
    case number(Comparison, [Double])
    case moment(Comparison, [Timestamp])
    /// `true` or `false`, or a variable.
    case flag([PolicyPattern])
    case address([AddressBlock])
    /// The six parts of an ARN are compared separately: a wildcard never spans a colon.
    case arn([[PolicyPattern]])
    /// `Null`: whether the key is missing.
    case isMissing([Bool])

    enum Comparison: Sendable { case equal, less, lessOrEqual, greater, greaterOrEqual }

    /// Throws where an operand is not of the operator's kind.
    init(_ kind: PolicyOperator.Kind, _ operands: [String], _ version: PolicyVersion) throws(PolicyFault) {
        switch kind {
        case .text(let wildcards, let ignoringCase):
            self = .text(
                try Self.read(operands, "a text") {
                    PolicyPattern($0, variables: version, wildcards: wildcards, ignoringCase: ignoringCase)
                })
        case .binary:
            self = .text(try Self.read(operands, "a text") { PolicyPattern($0, variables: .v2008, wildcards: .literal) })
        case .arn: self = .arn(try Self.read(operands, "an ARN") { Self.arn($0, version) })
        case .address: self = .address(try Self.read(operands, "an IP address or range", AddressBlock.init))
        case .flag: self = .flag(try Self.read(operands, "true or false") { Self.flagPattern($0, version) })
        case .isMissing: self = .isMissing(try Self.read(operands, "true or false", Self.flag))
        case .number(let comparison): self = .number(comparison, try Self.read(operands, "a number", Self.number))
        case .moment(let comparison): self = .moment(comparison, try Self.read(operands, "a date", Self.moment))
        }
    }

    /// The operands that may contain variables.
    var patterns: [PolicyPattern] {
        switch self {
        case .text(let patterns), .flag(let patterns): patterns
        case .arn(let patterns): patterns.flatMap { $0 }
        case .number, .moment, .address, .isMissing: []
        }
    }

    /// Whether the value fits an operand; nil if it is not of the kind that is compared.
    func fits(_ value: String, _ context: PolicyContext) -> Bool? {
        switch self {
        case .text(let patterns): return patterns.contains { $0.matches(value, context) }
        case .number(let comparison, let operands):
            guard let value = Self.number(value) else { return nil }
            return operands.contains { Self.holds(value, comparison, $0) }
        case .moment(let comparison, let operands):
            guard let value = Self.moment(value) else { return nil }
            return operands.contains { Self.holds(value, comparison, $0) }
        case .flag(let patterns):
            guard Self.flag(value) != nil else { return nil }
            return patterns.contains { $0.matches(value, context) }
        case .address(let blocks):
            guard let address = IPAddress(withZone: value)?.unmapped else { return nil }
            return blocks.contains { $0.contains(address) }
        case .arn(let patterns):
            let parts = value.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
            return patterns.contains { pattern in
                pattern.count == parts.count && zip(pattern, parts).allSatisfy { $0.matches($1, context) }
            }
        case .isMissing: return false
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

    // MARK: Operands

    private static func arn(_ text: String, _ version: PolicyVersion) -> [PolicyPattern]? {
        guard let parts = PolicyPattern(text, variables: version)?.parts else { return nil }
        return parts.count == 6 ? parts : text == "*" ? Array(repeating: parts[0], count: 6) : nil
    }

    private static func flagPattern(_ text: String, _ version: PolicyVersion) -> PolicyPattern? {
        guard let pattern = PolicyPattern(text, variables: version, wildcards: .literal, ignoringCase: true),
            pattern.hasVariables || flag(text) != nil
        else { return nil }
        return pattern
    }

    private static func read<Operand>(
        _ texts: [String], _ noun: String, _ one: (String) -> Operand?
    ) throws(PolicyFault) -> [Operand] {
        var operands: [Operand] = []
        for text in texts {
            guard let operand = one(text) else { throw PolicyFault("'\(text)' is not \(noun)") }
            operands.append(operand)
        }
        return operands
    }

    private static func flag(_ text: String) -> Bool? {
        switch text.asciiLowercased {
        case "true": true
        case "false": false
        default: nil
        }
    }

    private static func number(_ text: String) -> Double? {
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// ISO 8601 with or without a day, a time and a zone, or seconds since 1970.
    static func moment(_ text: String) -> Timestamp? {
        if let seconds = Int64(text) { return (-(1 << 40)...(1 << 40)).contains(seconds) ? Timestamp(seconds: seconds) : nil }
        return Timestamp(iso8601: text) ?? Timestamp(iso8601: text + "Z") ?? Timestamp(iso8601: text + "-01")
    }
}
