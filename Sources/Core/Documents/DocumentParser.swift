/// Reads JSON (RFC 8259) into a `DocumentValue`, strictly: a member that is given twice is refused.
///
/// That is why policies are not read by Foundation's decoder, which takes one of the two and tells nobody: a document that says
/// both Allow and Deny must not mean what its reader happens to prefer.
struct DocumentParser {
    /// Deeper than any policy's grammar; protects the stack.
    private static let maxDepth = 32

    private var rest: ArraySlice<UInt8>

    /// Nil where `text` is not one JSON value.
    static func value(of text: String) -> DocumentValue? {
        var parser = DocumentParser(rest: Array(text.utf8)[...])
        guard let value = parser.value(depth: 0) else { return nil }
        parser.skipSpace()
        return parser.rest.isEmpty ? value : nil
    }

    private mutating func value(depth: Int) -> DocumentValue? {
        guard depth < Self.maxDepth else { return nil }
        skipSpace()
        switch rest.first {
        case UInt8(ascii: "{"): return object(depth: depth)
        case UInt8(ascii: "["): return array(depth: depth)
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "t"): return word("true", .bool(true))
        case UInt8(ascii: "f"): return word("false", .bool(false))
        case UInt8(ascii: "n"): return word("null", .null)
        default: return number()
        }
    }

    private mutating func object(depth: Int) -> DocumentValue? {
        var members: [String: DocumentValue] = [:]
        rest.removeFirst()
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            guard let name = string(), take(":"), let value = value(depth: depth + 1),
                members.updateValue(value, forKey: name) == nil
            else { return nil }
        } while take(",")
        return take("}") ? .object(members) : nil
    }

    private mutating func array(depth: Int) -> DocumentValue? {
        var values: [DocumentValue] = []
        rest.removeFirst()
        if take("]") { return .array(values) }
        repeat {
            guard let value = value(depth: depth + 1) else { return nil }
            values.append(value)
        } while take(",")
        return take("]") ? .array(values) : nil
    }

    private mutating func word(_ word: String, _ value: DocumentValue) -> DocumentValue? {
        guard rest.starts(with: word.utf8) else { return nil }
        rest = rest.dropFirst(word.utf8.count)
        return value
    }

    private mutating func number() -> DocumentValue? {
        let text = rest.prefix { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }
        // `-`, a digit or zero alone, perhaps a fraction, perhaps an exponent: Swift takes more than JSON does.
        var digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text
        guard let first = digits.first, (0x30...0x39).contains(first) else { return nil }
        digits = digits.dropFirst()
        if first == 0x30, let next = digits.first, (0x30...0x39).contains(next) { return nil }
        guard text.last.map({ (0x30...0x39).contains($0) }) == true, !hasBareDot(text) else { return nil }
        rest = rest.dropFirst(text.count)
        let spelled = String(decoding: text, as: UTF8.self)
        if let integer = Int64(spelled) { return .integer(integer) }
        guard let number = Double(spelled), number.isFinite else { return nil }
        return Int64(exactly: number).map { .integer($0) } ?? .number(number)
    }

    /// True if a dot is not followed by a digit, as in `1.e5`.
    private func hasBareDot(_ text: ArraySlice<UInt8>) -> Bool {
        guard let dot = text.firstIndex(of: UInt8(ascii: ".")) else { return false }
        return !(0x30...0x39).contains(text[text.index(after: dot)])
    }

    private mutating func string() -> String? {
        guard rest.first == UInt8(ascii: "\"") else { return nil }
        rest = rest.dropFirst()
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(validating: bytes, as: UTF8.self)
            case 0..<0x20: return nil
            case UInt8(ascii: "\\"):
                guard let scalar = escape() else { return nil }
                bytes += Array(String(scalar).utf8)
            default: bytes.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        switch rest.popFirst() {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let unit = unit() else { return nil }
            guard (0xd800..<0xdc00).contains(unit) else { return Unicode.Scalar(unit) }
            // The first half of a pair: the second must follow.
            guard rest.popFirst() == UInt8(ascii: "\\"), rest.popFirst() == UInt8(ascii: "u"), let low = self.unit(),
                (0xdc00..<0xe000).contains(low)
            else { return nil }
            return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
        default: return nil
        }
    }

    /// Four hexadecimal digits.
    private mutating func unit() -> UInt32? {
        guard let bytes = Hex.decode(String(decoding: rest.prefix(4), as: UTF8.self)), bytes.count == 2 else { return nil }
        rest = rest.dropFirst(4)
        return UInt32(bytes[0]) << 8 | UInt32(bytes[1])
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x0a || $0 == 0x0d || $0 == 0x09 }
    }
}
