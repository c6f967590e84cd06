import WeirCore

/// Structures, lists and maps.
extension Parameters {
    package func optionalObject(_ name: String) throws -> Parameters? {
        guard let value = value(name) else { return nil }
        guard case .object(let members) = value else {
            if encoding == .form, case .string = value { throw wrongType("Unexpected complex element termination") }
            throw wrongType(encoding == .form ? "Start of list found where not expected" : "Expected null or an object")
        }
        return Parameters(members, service: service, encoding: encoding, path: member(name) + ".")
    }

    package func object(_ name: String) throws -> Parameters {
        try required(name, try optionalObject(name))
    }

    /// A list of strings, each with the constraints given.
    package func optionalStrings(
        _ name: String, count: ClosedRange<Int>? = nil, length: ClosedRange<Int>? = nil, pattern: Pattern? = nil
    ) throws -> [String]? {
        guard service.tellsAllViolations else {
            return try optionalList(name, count: count)?.map { element in
                try element.string(Self.element, length: length, pattern: pattern)
            }
        }
        guard let texts = try optionalList(name, count: count)?.map({ try $0.string(Self.element) }) else { return nil }
        guard texts.allSatisfy({ Self.violated(by: $0, length, pattern).isEmpty }) else {
            var constraints: [Constraint] = length.map { [.lengthAtMost($0.upperBound), .lengthAtLeast($0.lowerBound)] } ?? []
            if let pattern { constraints.append(.pattern(pattern.text)) }
            throw error([.elements(constraints + [.notNull])], "[\(texts.joined(separator: ", "))]", name)
        }
        return texts
    }

    package func strings(
        _ name: String, count: ClosedRange<Int>? = nil, length: ClosedRange<Int>? = nil, pattern: Pattern? = nil
    ) throws -> [String] {
        try required(name, try optionalStrings(name, count: count, length: length, pattern: pattern))
    }

    /// A list of values of an enumeration.
    package func optionalChoices<Choice>(
        _ name: String, count: ClosedRange<Int>? = nil, _ type: Choice.Type = Choice.self
    ) throws -> [Choice]? where Choice: RawRepresentable<String> & CaseIterable {
        guard service.tellsAllViolations else {
            return try optionalList(name, count: count)?.map { element in try element.choice(Self.element, type) }
        }
        guard let texts = try optionalList(name, count: count)?.map({ try $0.string(Self.element) }) else { return nil }
        let all = Choice.allCases.map(\.rawValue)
        let choices = texts.compactMap { text in Choice.allCases.first { $0.rawValue == text } }
        guard choices.count == texts.count else {
            throw error([.elements([.oneOf(all), .notNull])], "[\(texts.joined(separator: ", "))]", name)
        }
        return choices
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
        guard case .object(let members) = value else { throw wrongType("Expected map or null") }
        try check(members.count, in: 0...Self.longestList, value: "(\(members.count) entries)", at: name)
        return try members.mapValues { try text($0) }
    }

    // MARK: What they share

    /// Elements of a list for which the model has no bound: each element is work, and some are looked up one by one.
    private static let longestList = 1_000

    /// Each element of a list as an object with one member, so that the same readers serve both.
    func optionalList(_ name: String, count: ClosedRange<Int>?) throws -> [Parameters]? {
        guard let value = value(name) else { return nil }
        let values = try elements(of: value)
        try check(
            values.count, in: count ?? 0...Self.longestList,
            value: values.count <= Self.longestList ? JSONValue.array(values).text : "(\(values.count) elements)", at: name)
        return values.enumerated().map { index, value in
            Parameters(
                [Self.element: value], service: service, encoding: encoding, path: "\(member(name)).\(index + 1).")
        }
    }

    private func elements(of value: JSONValue) throws -> [JSONValue] {
        switch (value, encoding) {
        case (.array(let values), _): return values
        case ("", .form): return []
        case (_, .json): throw wrongType("Expected list or null")
        case (.string, .form): throw wrongType("Unexpected list element termination")
        case (_, .form): throw wrongType("Start of structure or map found where not expected")
        }
    }

    static let element = "member"
}
