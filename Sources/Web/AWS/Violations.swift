package import WeirCore

/// What a call to IAM or STS violates of their service model: told together, as AWS does, so that its author need not mend one
/// member after the other.
package struct Violations: Error, Sendable {
    /// More are counted, and not told: a list's elements are many.
    private static let mostTold = 50

    private var sentences: [String] = []
    private var count = 0

    init() {}

    /// - Parameter sentences: one each, `Value at 'userName' failed to satisfy constraint: …`.
    init(_ sentences: [String]) { add(sentences) }

    /// `3 validation errors detected: A; B; C`
    package var refusal: Refusal {
        let noun = count == 1 ? "error" : "errors"
        return Refusal(.validation, "\(count) validation \(noun) detected: \(sentences.joined(separator: "; "))")
    }

    private mutating func add(_ more: [String]) {
        count.add(more.count)
        sentences += more.prefix(Self.mostTold - sentences.count)
    }

    private mutating func add(_ other: Violations) {
        count.add(other.count)
        sentences += other.sentences.prefix(Self.mostTold - sentences.count)
    }

    // MARK: Collecting

    /// Reads one part. Violations are kept for `check`, any other error is thrown.
    mutating func attempt<Value>(_ read: () throws -> Value) throws -> Result<Value, any Error> {
        do { return .success(try read()) } catch let violations as Violations {
            add(violations)
            return .failure(violations)
        }
    }

    /// Throws what has been kept.
    func check() throws { if count > 0 { throw self } }

    /// What `read` makes of each element; or the violations of all of them.
    static func each<Element, Value>(_ elements: [Element], _ read: (Element) throws -> Value) throws -> [Value] {
        var violations = Violations()
        let results = try elements.map { element in try violations.attempt { try read(element) } }
        try violations.check()
        return try results.map { try $0.get() }
    }
}

extension AWSCall {
    /// What the closures read, each of another part of the input; or the violations of all of them.
    ///
    ///     let (name, path) = try call.validated({ try $0.userName() }, { try $0.path() })
    package func validated<each Value>(_ read: repeat (AWSCall) throws -> each Value) throws -> (repeat each Value) {
        var violations = Violations()
        let results = (repeat try violations.attempt { try (each read)(self) })
        try violations.check()
        return (repeat try (each results).get())
    }
}

extension Parameters {
    /// The same for the members of a structure.
    package func validated<each Value>(_ read: repeat (Parameters) throws -> each Value) throws -> (repeat each Value) {
        var violations = Violations()
        let results = (repeat try violations.attempt { try (each read)(self) })
        try violations.check()
        return (repeat try (each results).get())
    }
}
