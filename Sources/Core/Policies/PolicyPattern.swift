/// A text of a policy in which `*` stands for any run of characters, `?` for one, and, in version 2012-10-17, `${key}` for a
/// value of the request.
///
/// A variable's value is compared literally: a caller cannot bring a wildcard into a policy through the name of a tag.
struct PolicyPattern: Sendable, Hashable {
    enum Element: Sendable, Hashable {
        case byte(UInt8)
        case anyRun
        case anyOne
        /// The request's value for the key; `fallback` where the request has no value or several.
        case variable(key: String, fallback: String?)
    }

    let elements: [Element]
    var hasVariables: Bool {
        elements.contains { if case .variable = $0 { true } else { false } }
    }

    private init(elements: [Element]) { self.elements = elements }

    /// True if the pattern begins with exactly these characters and no wildcard among them, without regard to case. `text` is in
    /// lower case.
    func begins(with text: String) -> Bool {
        elements.count >= text.utf8.count
            && zip(elements, text.utf8).allSatisfy { element, byte in Self.lowercase(element) == .byte(byte) }
    }

    /// The pattern split at its first five colons. A colon inside a variable does not count.
    var parts: [PolicyPattern] {
        elements.split(separator: .byte(UInt8(ascii: ":")), maxSplits: 5, omittingEmptySubsequences: false)
            .map { PolicyPattern(elements: Array($0)) }
    }

    /// - Returns: nil if a variable has no end or no name.
    init?(_ text: String, variables: PolicyVersion, wildcards: Wildcards = .matched) {
        var elements: [Element] = []
        var rest = text.utf8[...]
        while let byte = rest.first {
            if byte == UInt8(ascii: "$"), variables == .v2012, rest.dropFirst().first == UInt8(ascii: "{") {
                guard let end = rest.firstIndex(of: UInt8(ascii: "}")),
                    let element = Self.variable(String(Substring(rest[..<end].dropFirst(2))))
                else { return nil }
                elements.append(element)
                rest = rest[rest.index(after: end)...]
                continue
            }
            switch byte {
            case UInt8(ascii: "*") where wildcards == .matched: elements.append(.anyRun)
            case UInt8(ascii: "?") where wildcards == .matched: elements.append(.anyOne)
            default: elements.append(.byte(byte))
            }
            rest = rest.dropFirst()
        }
        self.elements = elements
    }

    /// Whether `*` and `?` are wildcards or ordinary characters.
    enum Wildcards { case matched, literal }

    /// The content of `${…}`: `*`, `?` and `$` are the characters themselves; anything else is a key, optionally with a quoted
    /// default.
    private static func variable(_ inner: String) -> Element? {
        if inner == "*" || inner == "?" || inner == "$" { return .byte(inner.utf8.first ?? 0) }
        guard let comma = inner.firstIndex(of: ",") else {
            return inner.isEmpty ? nil : .variable(key: inner.lowercased(), fallback: nil)
        }
        let key = inner[..<comma].filter { $0 != " " }
        let quoted = inner[inner.index(after: comma)...].drop { $0 == " " }
        guard !key.isEmpty, quoted.count >= 2, quoted.first == "'", quoted.last == "'" else { return nil }
        return .variable(key: key.lowercased(), fallback: String(quoted.dropFirst().dropLast()))
    }

    /// The longest pattern after its variables are filled in, in elements.
    private static let maxResolved = 8 * 1_024

    /// True if the whole of `text` matches. A pattern whose variable has no value matches nothing.
    func matches(_ text: String, _ context: PolicyContext, ignoringCase: Bool = false) -> Bool {
        guard let pattern = resolved(context) else { return false }
        return WildcardSearch.fits(
            ignoringCase ? pattern.map(Self.lowercase) : pattern,
            Array((ignoringCase ? text.lowercased() : text).utf8))
    }

    /// True if the request's values make the pattern longer than `maxResolved`, or one is longer than `PolicyContext.maxValue`: a
    /// caller must not be able to make the evaluation slow. The caller of this type then does not call `matches`.
    func isBeyondReading(in context: PolicyContext) -> Bool {
        guard hasVariables else { return false }
        var count = 0
        for element in elements {
            guard case .variable(let key, _) = element else { continue }
            if context.isTooLong(key) { return true }
            count += context.values(for: key).first?.utf8.count ?? 0
        }
        return elements.count + count > Self.maxResolved
    }

    private func resolved(_ context: PolicyContext) -> [Element]? {
        guard hasVariables else { return elements }
        var resolved: [Element] = []
        for element in elements {
            guard case .variable(let key, let fallback) = element else {
                resolved.append(element)
                continue
            }
            let values = context.values(for: key)
            guard let value = values.count == 1 ? values.first : fallback else { return nil }
            resolved += value.utf8.map { .byte($0) }
        }
        return resolved
    }

    private static func lowercase(_ element: Element) -> Element {
        guard case .byte(let byte) = element, (0x41...0x5a).contains(byte) else { return element }
        return .byte(byte + 0x20)
    }
}

/// The condition keys of a request and their values. Keys are compared without regard to case.
///
/// A value of more than `maxValue` bytes is never compared: no Allow applies because of it, and no Deny is lifted by it.
package struct PolicyContext: Sendable {
    package static let maxValue = 1_024

    private var values: [String: [String]] = [:]
    private var tooLong: Set<String> = []

    package init() {}

    package subscript(key: String) -> [String] {
        get { values(for: key.lowercased()) }
        set {
            let key = key.lowercased()
            values[key] = newValue.isEmpty ? nil : newValue
            if newValue.contains(where: { $0.utf8.count > Self.maxValue }) { tooLong.insert(key) } else { tooLong.remove(key) }
        }
    }

    /// `key` in lower case.
    func isTooLong(_ key: String) -> Bool { !tooLong.isEmpty && tooLong.contains(key) }

    /// `key` in lower case.
    func values(for key: String) -> [String] { values[key] ?? [] }
}
