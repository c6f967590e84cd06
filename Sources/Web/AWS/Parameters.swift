package import WeirCore

/// A call's input: members of a JSON object, read with the service model's constraints and refused with AWS's sentences.
///
/// A member of another JSON type is a `SerializationException`; a missing or invalid one is the service's validation error. A
/// member that is `null` is absent. Unknown members are ignored, as AWS does.
package struct Parameters: Sendable {
    private let members: [String: JSONValue]
    private let service: AWSService
    /// The object's place in the whole input: empty, or `tags.2.member.`.
    private let path: String

    package init(_ members: [String: JSONValue], service: AWSService, path: String = "") {
        self.members = members
        self.service = service
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

    package func optionalString(
        _ name: String, length: ClosedRange<Int>? = nil, pattern: Pattern? = nil, nul: NUL = .refused
    ) throws -> String? {
        guard let value = value(name) else { return nil }
        let text = try Self.text(value)
        if let length { try check(text.unicodeScalars.count, in: length, value: text, at: name) }
        if let pattern, !pattern.matches(text) { throw refusal(.pattern(pattern.text), text, name) }
        if nul == .refused, text.utf8.contains(0) { throw refusal(.withoutNUL, text, name) }
        return text
    }

    package func string(_ name: String, length: ClosedRange<Int>? = nil, pattern: Pattern? = nil) throws -> String {
        try required(name, try optionalString(name, length: length, pattern: pattern))
    }

    /// A member that is one of an enumeration's values. `listed` is their order in the refusal, where AWS's order differs.
    package func optionalChoice<Choice>(
        _ name: String, _ type: Choice.Type = Choice.self, listed: [String]? = nil
    ) throws -> Choice? where Choice: RawRepresentable<String> & CaseIterable {
        guard let text = try optionalString(name) else { return nil }
        guard let choice = Choice(rawValue: text), Choice.allCases.contains(where: { $0.rawValue == text }) else {
            throw refusal(.oneOf(listed ?? Choice.allCases.map(\.rawValue)), text, name)
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
        do { return try make(text) } catch { throw refusal(.pattern(pattern), text, name) }
    }

    package func noun<Noun>(
        _ name: String, length: ClosedRange<Int>? = nil, pattern: String, _ make: (String) throws(NameError) -> Noun
    ) throws -> Noun {
        try required(name, try optionalNoun(name, length: length, pattern: pattern, make))
    }

    // MARK: Numbers and truth values

    package func optionalInteger(_ name: String, _ range: ClosedRange<Int64>? = nil) throws -> Int64? {
        guard let value = value(name) else { return nil }
        let number: Int64
        switch value {
        case .integer(let integer): number = integer
        case .number(let double):
            guard let exact = Int64(exactly: double) else {
                throw Self.wrongType("NUMBER_VALUE can not be converted to an Integer")
            }
            number = exact
        default: throw Self.wrongType(value, wanted: "an Integer")
        }
        guard let range else { return number }
        if number < range.lowerBound { throw refusal(.valueAtLeast(range.lowerBound), "\(number)", name) }
        if number > range.upperBound { throw refusal(.valueAtMost(range.upperBound), "\(number)", name) }
        return number
    }

    package func integer(_ name: String, _ range: ClosedRange<Int64>? = nil) throws -> Int64 {
        try required(name, try optionalInteger(name, range))
    }

    package func optionalBool(_ name: String) throws -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .bool(let flag) = value else { throw Self.wrongType(value, wanted: "a Boolean") }
        return flag
    }

    // MARK: Structures

    package func optionalObject(_ name: String) throws -> Parameters? {
        guard let value = value(name) else { return nil }
        return try Self.object(value, service, path: member(name) + ".")
    }

    package func object(_ name: String) throws -> Parameters {
        try required(name, try optionalObject(name))
    }

    /// A list of strings, each with the constraints given.
    package func optionalStrings(
        _ name: String, count: ClosedRange<Int>? = nil, length: ClosedRange<Int>? = nil, pattern: Pattern? = nil
    ) throws -> [String]? {
        try optionalList(name, count: count)?.map { element in
            try element.string(Self.element, length: length, pattern: pattern)
        }
    }

    package func strings(
        _ name: String, count: ClosedRange<Int>? = nil, length: ClosedRange<Int>? = nil, pattern: Pattern? = nil
    ) throws -> [String] {
        try required(name, try optionalStrings(name, count: count, length: length, pattern: pattern))
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

    /// A list of values of an enumeration.
    package func optionalChoices<Choice>(
        _ name: String, count: ClosedRange<Int>? = nil, _ type: Choice.Type = Choice.self
    ) throws -> [Choice]? where Choice: RawRepresentable<String> & CaseIterable {
        try optionalList(name, count: count)?.map { element in try element.choice(Self.element, type) }
    }

    package func optionalObjects(_ name: String, count: ClosedRange<Int>? = nil) throws -> [Parameters]? {
        try optionalList(name, count: count)?.map { element in try element.object(Self.element) }
    }

    package func objects(_ name: String, count: ClosedRange<Int>? = nil) throws -> [Parameters] {
        try required(name, try optionalObjects(name, count: count))
    }

    /// A map from strings to strings, such as a KMS encryption context.
    package func optionalStringMap(_ name: String) throws -> [String: String]? {
        guard let value = value(name) else { return nil }
        guard case .object(let members) = value else { throw Self.wrongType("Expected map or null") }
        try check(members.count, in: 0...Self.longestList, value: "(\(members.count) entries)", at: name)
        return try members.mapValues(Self.text)
    }

    // MARK: What they share

    /// Elements of a list for which the model has no bound: each element is work, and some are looked up one by one.
    private static let longestList = 1_000

    /// Each element of a list as an object with one member, so that the same readers serve both.
    private func optionalList(_ name: String, count: ClosedRange<Int>?) throws -> [Parameters]? {
        guard let value = value(name) else { return nil }
        guard case .array(let values) = value else { throw Self.wrongType("Expected list or null") }
        try check(
            values.count, in: count ?? 0...Self.longestList,
            value: values.count <= Self.longestList ? JSONValue.array(values).text : "(\(values.count) elements)", at: name)
        return values.enumerated().map { index, value in
            Parameters([Self.element: value], service: service, path: "\(member(name)).\(index + 1).")
        }
    }

    private static let element = "member"

    private func value(_ name: String) -> JSONValue? {
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

    func required<Value>(_ name: String, _ value: Value?) throws -> Value {
        guard let value else { throw refusal(.notNull, nil, name) }
        return value
    }

    func check(
        _ length: Int, in range: ClosedRange<Int>, value: @autoclosure () -> String, at name: String
    ) throws {
        if length < range.lowerBound { throw refusal(.lengthAtLeast(range.lowerBound), value(), name) }
        if length > range.upperBound { throw refusal(.lengthAtMost(range.upperBound), value(), name) }
    }

    private static func text(_ value: JSONValue) throws -> String {
        guard case .string(let text) = value else { throw wrongType(value, wanted: "a String") }
        return text
    }

    private static func object(_ value: JSONValue, _ service: AWSService, path: String) throws -> Parameters {
        guard case .object(let members) = value else { throw wrongType("Expected null or an object") }
        return Parameters(members, service: service, path: path)
    }

    private static func wrongType(_ value: JSONValue, wanted: String) -> Refusal {
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

    private static func wrongType(_ sentence: String) -> Refusal { Refusal(.malformedRequest, sentence) }
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
