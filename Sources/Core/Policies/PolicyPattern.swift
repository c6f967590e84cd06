/// A text of a policy in which `*` stands for any run of characters, `?` for one, and, in version 2012-10-17, `${key}` for a
/// value of the request.
///
/// A variable's value is compared literally: a caller cannot bring a wildcard into a policy through the name of a tag.
///
/// Matching allocates nothing, unless the pattern has variables: its shape is worked out when the policy is read.
struct PolicyPattern: Sendable, Hashable {
    /// A byte, `WildcardSearch.anyRun` or `WildcardSearch.anyOne`.
    typealias Code = UInt16

    enum Piece: Sendable, Hashable {
        case codes([Code])
        /// The request's value for the key, which is in lower case; `fallback` where the request has no value or several.
        case variable(key: String, fallback: String?)
    }

    private enum Shape: Sendable, Hashable {
        /// `*`
        case everything
        case literal([UInt8])
        /// Bytes, then one `*`.
        case beginning([UInt8])
        case wildcards([Code])
        case variables([Piece])
    }

    /// As written in the policy.
    let text: String
    private let shape: Shape
    /// Letters of ASCII are compared without regard to case; the shape has them in lower case.
    private let ignoresCase: Bool

    /// Whether `*` and `?` are wildcards or ordinary characters.
    enum Wildcards { case matched, literal }

    /// - Returns: nil if a variable has no end or no name.
    init?(
        _ text: String, variables: PolicyVersion, wildcards: Wildcards = .matched, ignoringCase: Bool = false
    ) {
        guard let pieces = PatternReader.pieces(of: text, variables, wildcards, ignoringCase: ignoringCase) else { return nil }
        self.init(text: text, pieces: pieces, ignoringCase: ignoringCase)
    }

    private init(text: String, pieces: [Piece], ignoringCase: Bool) {
        self.text = text
        ignoresCase = ignoringCase
        guard pieces.count <= 1, case .codes(let codes) = pieces.first ?? .codes([]) else {
            shape = .variables(pieces)
            return
        }
        shape = Self.shape(of: codes)
    }

    private static func shape(of codes: [Code]) -> Shape {
        let head = codes.prefix { $0 < WildcardSearch.anyRun }.map { UInt8(truncatingIfNeeded: $0) }
        if head.count == codes.count { return .literal(head) }
        guard codes[head.count...] == [WildcardSearch.anyRun] else { return .wildcards(codes) }
        return head.isEmpty ? .everything : .beginning(head)
    }

    var hasVariables: Bool { if case .variables = shape { true } else { false } }

    /// The keys that it reads, in lower case. Those with a default are left out if `onlyNeeded`.
    func variables(onlyNeeded: Bool = true) -> [String] {
        guard case .variables(let pieces) = shape else { return [] }
        return pieces.compactMap { piece in
            guard case .variable(let key, let fallback) = piece, !onlyNeeded || fallback == nil else { return nil }
            return key
        }
    }

    var isEverything: Bool { shape == .everything }

    /// The pattern's codes; nil if it has variables.
    var codes: [Code]? {
        switch shape {
        case .everything: [WildcardSearch.anyRun]
        case .literal(let bytes): bytes.map(Code.init)
        case .beginning(let bytes): bytes.map(Code.init) + [WildcardSearch.anyRun]
        case .wildcards(let codes): codes
        case .variables: nil
        }
    }

    /// The bytes before its first wildcard or variable.
    var head: [UInt8] {
        switch shape {
        case .everything: []
        case .literal(let bytes), .beginning(let bytes): bytes
        case .wildcards(let codes): codes.prefix { $0 < WildcardSearch.anyRun }.map { UInt8(truncatingIfNeeded: $0) }
        case .variables(let pieces):
            if case .codes(let codes)? = pieces.first {
                codes.prefix { $0 < WildcardSearch.anyRun }.map { UInt8(truncatingIfNeeded: $0) }
            } else {
                []
            }
        }
    }

    /// The pattern as text, or as text and one star at its end; nil for any other.
    var plain: (head: [UInt8], isWhole: Bool)? {
        switch shape {
        case .everything: ([], false)
        case .literal(let bytes): (bytes, true)
        case .beginning(let bytes): (bytes, false)
        case .wildcards, .variables: nil
        }
    }

    /// Text without wildcards and variables.
    var isLiteral: Bool { if case .literal = shape { true } else { false } }

    /// The pattern split at its first five colons, with the parts' own texts. A colon inside a variable does not count.
    var parts: [PolicyPattern] {
        let pieces: [Piece] = if case .variables(let pieces) = shape { pieces } else { [.codes(codes ?? [])] }
        var parts: [[Piece]] = [[]]
        for piece in pieces {
            guard case .codes(let codes) = piece else {
                parts[parts.count - 1].append(piece)
                continue
            }
            let split = codes.split(
                separator: Code(UInt8(ascii: ":")), maxSplits: 6 - parts.count, omittingEmptySubsequences: false)
            for (index, part) in split.enumerated() {
                if index > 0 { parts.append([]) }
                if !part.isEmpty { parts[parts.count - 1].append(.codes(Array(part))) }
            }
        }
        return parts.map { PolicyPattern(text: text, pieces: $0, ignoringCase: ignoresCase) }
    }

    // MARK: Matching

    enum Match {
        case fits, differs
        /// A variable has no value in the request, or several: it stands for nothing.
        case hasNoValue
        /// The request's values make the pattern too long to compare.
        case isBeyondReading
    }

    /// True if the whole of `text` matches. A pattern whose variable has no value matches nothing.
    func matches(_ text: some StringProtocol, _ context: PolicyContext) -> Bool { match(text, context) == .fits }

    /// `matches` for a pattern without variables.
    func matches(_ text: some StringProtocol) -> Bool {
        text.withUTF8Bytes { bytes in
            switch shape {
            case .everything: true
            case .literal(let own): own.count == bytes.count && begins(bytes, with: own)
            case .beginning(let own): own.count <= bytes.count && begins(bytes, with: own)
            case .wildcards(let codes): WildcardSearch.fits(codes, bytes, ignoringCase: ignoresCase)
            case .variables: false
            }
        }
    }

    func match(_ text: some StringProtocol, _ context: PolicyContext) -> Match {
        guard case .variables(let pieces) = shape else { return matches(text) ? .fits : .differs }
        switch filled(pieces, context) {
        case .pattern(let codes):
            return text.withUTF8Bytes { WildcardSearch.fits(codes, $0, ignoringCase: ignoresCase) } ? .fits : .differs
        case .hasNoValue: return .hasNoValue
        case .isBeyondReading: return .isBeyondReading
        }
    }

    /// Whether the pattern can be compared at all with the values of this request: `fits` if it can.
    func readability(in context: PolicyContext) -> Match {
        guard case .variables(let pieces) = shape else { return .fits }
        return switch filled(pieces, context) {
        case .pattern: .fits
        case .hasNoValue: .hasNoValue
        case .isBeyondReading: .isBeyondReading
        }
    }

    private enum Filled {
        case pattern([Code])
        case hasNoValue, isBeyondReading
    }

    /// The longest pattern after its variables are filled in, in codes: a caller must not be able to make the evaluation slow.
    private static let maxFilled = 8 * 1_024

    private func filled(_ pieces: [Piece], _ context: PolicyContext) -> Filled {
        var filled: [Code] = []
        var isMissing = false
        for piece in pieces {
            switch piece {
            case .codes(let codes): filled += codes
            case .variable(let key, let fallback):
                let values = context.values(for: key)
                if PolicyContext.areTooLong(values) { return .isBeyondReading }
                // An empty value is no value.
                let found = values.count == 1 ? values.first.flatMap { $0.isEmpty ? nil : $0 } : nil
                guard let value = found ?? fallback else {
                    isMissing = true
                    continue
                }
                filled += value.utf8.map { Code(ignoresCase ? $0.asciiLowercased : $0) }
            }
            if filled.count > Self.maxFilled { return .isBeyondReading }
        }
        return isMissing ? .hasNoValue : .pattern(filled)
    }

    /// `bytes` has at least as many as `own`.
    private func begins(_ bytes: UnsafeBufferPointer<UInt8>, with own: [UInt8]) -> Bool {
        own.withUnsafeBufferPointer { own in
            if ignoresCase {
                for index in own.indices where own[index] != bytes[index].asciiLowercased { return false }
            } else {
                for index in own.indices where own[index] != bytes[index] { return false }
            }
            return true
        }
    }
}

/// Reads the text of a pattern.
private enum PatternReader {
    static func pieces(
        of text: String, _ variables: PolicyVersion, _ wildcards: PolicyPattern.Wildcards, ignoringCase: Bool
    ) -> [PolicyPattern.Piece]? {
        var pieces: [PolicyPattern.Piece] = []
        var codes: [PolicyPattern.Code] = []
        var rest = text.utf8[...]
        while let byte = rest.first {
            rest = rest.dropFirst()
            if byte == UInt8(ascii: "$"), variables == .v2012, rest.first == UInt8(ascii: "{") {
                guard let end = rest.firstIndex(of: UInt8(ascii: "}")),
                    let piece = variable(String(Substring(rest[..<end].dropFirst())))
                else { return nil }
                rest = rest[rest.index(after: end)...]
                if case .codes(let literal) = piece {
                    codes += literal
                } else {
                    if !codes.isEmpty { pieces.append(.codes(codes)) }
                    codes = []
                    pieces.append(piece)
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "*") where wildcards == .matched: codes.append(WildcardSearch.anyRun)
            case UInt8(ascii: "?") where wildcards == .matched: codes.append(WildcardSearch.anyOne)
            default: codes.append(PolicyPattern.Code(ignoringCase ? byte.asciiLowercased : byte))
            }
        }
        if !codes.isEmpty { pieces.append(.codes(codes)) }
        return pieces
    }

    /// The content of `${…}`: `*`, `?` and `$` are the characters themselves; anything else is a key, optionally with a quoted
    /// default.
    private static func variable(_ inner: String) -> PolicyPattern.Piece? {
        if inner == "*" || inner == "?" || inner == "$" { return .codes(inner.utf8.map(PolicyPattern.Code.init)) }
        guard let comma = inner.firstIndex(of: ",") else {
            return inner.isEmpty ? nil : .variable(key: inner.asciiLowercased, fallback: nil)
        }
        let key = inner[..<comma].filter { $0 != " " }
        let quoted = inner[inner.index(after: comma)...].drop { $0 == " " }
        guard !key.isEmpty, quoted.count >= 2, quoted.first == "'", quoted.last == "'" else { return nil }
        return .variable(key: key.asciiLowercased, fallback: String(quoted.dropFirst().dropLast()))
    }
}

extension StringProtocol {
    /// The text's bytes in place, copied only where the text is not stored as UTF-8.
    func withUTF8Bytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = utf8.withContiguousStorageIfAvailable(body) { return result }
        return Array(utf8).withUnsafeBufferPointer(body)
    }
}

extension UInt8 {
    /// Only `A` to `Z` change: other letters, such as U+212A, are no form of an ASCII one.
    var asciiLowercased: UInt8 { self >= 0x41 && self <= 0x5a ? self | 0x20 : self }
}

extension String {
    /// Only `A` to `Z` change: other letters, such as U+212A, are no form of an ASCII one.
    package var asciiLowercased: String {
        guard utf8.contains(where: { $0 >= 0x41 && $0 <= 0x5a }) else { return self }
        return String(decoding: utf8.map(\.asciiLowercased), as: UTF8.self)
    }
}
