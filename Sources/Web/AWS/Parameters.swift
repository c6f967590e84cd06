package import WeirCore

/// A call's input: members of a structure, read with the service model's constraints and refused with AWS's sentences.
///
/// A member of another type is a `SerializationException` in JSON and `MalformedInput` in a form; a missing or invalid one is the
/// service's validation error. A member that is `null` is absent. Unknown members are ignored, as AWS does.
package struct Parameters: Sendable {
    /// How the input was written.
    package enum Encoding: Sendable {
        case json
        /// Query: each scalar is a string, and becomes a number or a Boolean where it is read as one. A list without elements is
        /// the empty string.
        case form
    }

    let members: [String: JSONValue]
    let service: AWSService
    let encoding: Encoding
    /// The structure's place in the whole input: empty, or `tags.2.member.`.
    let path: String

    package init(_ members: [String: JSONValue], service: AWSService, encoding: Encoding = .json, path: String = "") {
        self.members = members
        self.service = service
        self.encoding = encoding
        self.path = path
    }

    /// True if the member is there and not null.
    package func has(_ name: String) -> Bool { value(name) != nil }

    package var names: [String] { members.keys.sorted() }

    /// The input as it came.
    var document: JSONValue { .object(members) }

    // MARK: Strings

    /// Whether a string may hold U+0000: only one that is never stored as text, such as a secret's value.
    package enum NUL: Sendable { case refused, accepted }

    /// - Parameter isSecret: refusals do not show the value.
    package func optionalString(
        _ name: String, length: ClosedRange<Int>? = nil, pattern: Pattern? = nil, nul: NUL = .refused, isSecret: Bool = false
    ) throws -> String? {
        guard let value = value(name) else { return nil }
        let text = try text(value)
        let violated = Self.violated(by: text, length, pattern, nul)
        if !violated.isEmpty { throw error(violated, text, name, isSecret: isSecret) }
        return text
    }

    package func string(
        _ name: String, length: ClosedRange<Int>? = nil, pattern: Pattern? = nil, isSecret: Bool = false
    ) throws -> String {
        try required(name, try optionalString(name, length: length, pattern: pattern, isSecret: isSecret))
    }

    static func violated(
        by text: String, _ length: ClosedRange<Int>?, _ pattern: Pattern?, _ nul: NUL = .refused
    ) -> [Constraint] {
        var violated: [Constraint] = []
        if let length {
            let count = text.unicodeScalars.count
            if count < length.lowerBound { violated.append(.lengthAtLeast(length.lowerBound)) }
            if count > length.upperBound { violated.append(.lengthAtMost(length.upperBound)) }
        }
        if let pattern, !pattern.matches(text) { violated.append(.pattern(pattern.text)) }
        if nul == .refused, text.utf8.contains(0) { violated.append(.withoutNUL) }
        return violated
    }

    /// A member that is one of an enumeration's values. `listed` is their order in the refusal, where AWS's order differs.
    package func optionalChoice<Choice>(
        _ name: String, _ type: Choice.Type = Choice.self, listed: [String]? = nil
    ) throws -> Choice? where Choice: RawRepresentable<String> & CaseIterable {
        guard let text = try optionalString(name) else { return nil }
        guard let choice = Choice(rawValue: text), Choice.allCases.contains(where: { $0.rawValue == text }) else {
            throw error([.oneOf(listed ?? Choice.allCases.map(\.rawValue))], text, name)
        }
        return choice
    }

    package func choice<Choice>(
        _ name: String, _ type: Choice.Type = Choice.self, listed: [String]? = nil
    ) throws -> Choice where Choice: RawRepresentable<String> & CaseIterable {
        try required(name, try optionalChoice(name, type, listed: listed))
    }

    /// A member that becomes a noun. What the noun's initialiser refuses is reported as a violation of `pattern`.
    package func optionalNoun<Noun>(
        _ name: String, length: ClosedRange<Int>? = nil, pattern: String, _ make: (String) throws(NameError) -> Noun
    ) throws -> Noun? {
        guard let text = try optionalString(name, length: length) else { return nil }
        do { return try make(text) } catch { throw self.error([.pattern(pattern)], text, name) }
    }

    package func noun<Noun>(
        _ name: String, length: ClosedRange<Int>? = nil, pattern: String, _ make: (String) throws(NameError) -> Noun
    ) throws -> Noun {
        try required(name, try optionalNoun(name, length: length, pattern: pattern, make))
    }

    /// A list of strings that become nouns.
    package func optionalNouns<Noun>(
        _ name: String, count: ClosedRange<Int>? = nil, length: ClosedRange<Int>? = nil, pattern: String,
        _ make: (String) throws(NameError) -> Noun
    ) throws -> [Noun]? {
        try optionalList(name, count: count)?.map { element in
            try element.noun(Self.element, length: length, pattern: pattern, make)
        }
    }

    // MARK: Numbers and truth values

    package func optionalInteger(_ name: String, _ range: ClosedRange<Int64>? = nil) throws -> Int64? {
        guard let value = value(name) else { return nil }
        let number: Int64
        switch value {
        case .integer(let integer): number = integer
        case .number(let double):
            guard let exact = Int64(exactly: double) else {
                throw wrongType("NUMBER_VALUE can not be converted to an Integer")
            }
            number = exact
        case .string(let text) where encoding == .form:
            guard let read = Self.integer(text) else { throw wrongType(value, wanted: "an Integer") }
            number = read
        default: throw wrongType(value, wanted: "an Integer")
        }
        guard let range else { return number }
        if number < range.lowerBound { throw error([.valueAtLeast(range.lowerBound)], "\(number)", name) }
        if number > range.upperBound { throw error([.valueAtMost(range.upperBound)], "\(number)", name) }
        return number
    }

    /// Decimal digits, after a minus or not; nil for all else, and for what 64 bits cannot hold.
    private static func integer(_ text: String) -> Int64? {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        guard (1...19).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }

    package func integer(_ name: String, _ range: ClosedRange<Int64>? = nil) throws -> Int64 {
        try required(name, try optionalInteger(name, range))
    }

    package func optionalBool(_ name: String) throws -> Bool? {
        guard let value = value(name) else { return nil }
        switch value {
        case .bool(let flag): return flag
        case "true" where encoding == .form: return true
        case "false" where encoding == .form: return false
        default: throw wrongType(value, wanted: "a Boolean")
        }
    }

    // MARK: What they share

    func value(_ name: String) -> JSONValue? {
        members[name].flatMap { $0 == .null ? nil : $0 }
    }

    /// A refusal of the member `name` of this object, for checks that only the operation can make.
    package func refusal(_ constraint: Constraint, _ value: String?, _ name: String) -> Refusal {
        constraint.refusal(of: value, at: member(name), for: service)
    }

    /// The member's path as AWS writes it: with a small first letter, whatever the model's spelling.
    package func member(_ name: String) -> String {
        path + name.prefix(1).lowercased() + name.dropFirst()
    }

    /// The error for a member that violates these constraints: IAM and STS tell of all, the others of the first.
    func error(_ constraints: [Constraint], _ value: String?, _ name: String, isSecret: Bool = false) -> any Error {
        if !service.tellsAllViolations, let first = constraints.first { return refusal(first, value, name) }
        return Violations(
            constraints.map { $0.violation(of: value, at: member(name), for: service, isSecret: isSecret) })
    }

    func required<Value>(_ name: String, _ value: Value?) throws -> Value {
        guard let value else { throw error([.notNull], nil, name) }
        return value
    }

    func check(
        _ length: Int, in range: ClosedRange<Int>, value: @autoclosure () -> String, at name: String
    ) throws {
        if length < range.lowerBound { throw error([.lengthAtLeast(range.lowerBound)], value(), name) }
        if length > range.upperBound { throw error([.lengthAtMost(range.upperBound)], value(), name) }
    }

    func text(_ value: JSONValue) throws -> String {
        guard case .string(let text) = value else { throw wrongType(value, wanted: "a String") }
        return text
    }

    func wrongType(_ value: JSONValue, wanted: String) -> Refusal {
        switch value {
        case .null: wrongType("NULL_VALUE can not be converted to \(wanted)")
        case .bool(true): wrongType("TRUE_VALUE can not be converted to \(wanted)")
        case .bool(false): wrongType("FALSE_VALUE can not be converted to \(wanted)")
        case .integer, .number: wrongType("NUMBER_VALUE can not be converted to \(wanted)")
        case .string: wrongType("STRING_VALUE can not be converted to \(wanted)")
        case .array: wrongType("Start of list found where not expected.")
        case .object: wrongType("Start of structure or map found where not expected.")
        }
    }

    func wrongType(_ sentence: String) -> Refusal {
        Refusal(encoding == .form ? .malformedInput : .malformedRequest, sentence)
    }
}

/// A pattern of the model: its text for the message, and a hand-written check, since hostile input could make a regular
/// expression run for ever.
package struct Pattern: Sendable {
    package let text: String
    package let matches: @Sendable (String) -> Bool

    package init(_ text: String, _ matches: @escaping @Sendable (String) -> Bool) {
        self.text = text
        self.matches = matches
    }
}
