/// Why bytes are not a JSON document, and where.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    package let reason: String
    package let offset: Int

    package var description: String { "\(reason) at byte \(offset)" }
}

/// A JSON reader (RFC 8259) for untrusted input: bounded depth, bounded number of values, strict UTF-8. Foundation's decoder does
/// not fit: it needs a type per shape, or tries every type for every value.
///
/// A repeated member is refused. Foundation's decoder silently takes one of the two, and a policy that says both Allow and Deny
/// must not depend on that choice.
struct JSONParser {
    struct Limits {
        /// Bounds the stack.
        let depth: Int
        /// Bounds memory: a parsed value takes about 40 times the bytes of `[],`.
        var values = 100_000
        /// `1.0` and `1e3` are integers.
        var wholeNumbersAreIntegers = false

        /// Requests to the AWS door nest at most ten deep and have less than a hundredth of the values.
        static let request = Limits(depth: 64)
        /// Deeper than any policy's grammar.
        static let document = Limits(depth: 32, wholeNumbersAreIntegers: true)
    }

    private let bytes: [UInt8]
    private let limits: Limits
    private var values = 0
    private var at = 0

    static func parse(_ bytes: [UInt8], limits: Limits = .request) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes: bytes, limits: limits)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.at == bytes.count else { throw parser.error("more after the document's end") }
        return value
    }

    private init(bytes: [UInt8], limits: Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < limits.depth else { throw error("nested too deeply") }
        values += 1
        guard values <= limits.values else { throw error("more than \(limits.values) values") }
        skipSpace()
        guard at < bytes.count else { throw error("unexpected end") }
        switch bytes[at] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        at += 1
        var members: [String: JSONValue] = [:]
        if takes(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw error("expected a member's name") }
            let name = try string()
            guard takes(UInt8(ascii: ":")) else { throw error("expected ':'") }
            // A Swift string equals its canonical equivalents: U+212A would be looked up as `K`.
            if name.utf8.contains(where: { $0 >= 0x80 }), name.unicodeScalars.contains(where: Self.looksLikeASCII) {
                throw error("a member's name that looks like another")
            }
            // Of two equal names, the reader that checks and the reader that acts may take different ones.
            guard members.updateValue(try value(depth: depth + 1), forKey: name) == nil else {
                throw error("a member's name comes twice")
            }
        } while takes(UInt8(ascii: ","))
        guard takes(UInt8(ascii: "}")) else { throw error("expected ',' or '}'") }
        return .object(members)
    }

    /// The characters beyond ASCII that Unicode makes canonically equal to one of ASCII: the Kelvin sign, the Greek question mark
    /// and varia.
    private static func looksLikeASCII(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value == 0x212a || scalar.value == 0x037e || scalar.value == 0x1fef
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        at += 1
        var values: [JSONValue] = []
        if takes(UInt8(ascii: "]")) { return .array(values) }
        repeat { values.append(try value(depth: depth + 1)) } while takes(UInt8(ascii: ","))
        guard takes(UInt8(ascii: "]")) else { throw error("expected ',' or ']'") }
        return .array(values)
    }

    private mutating func string() throws(JSONError) -> String {
        at += 1
        let start = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\"), bytes[at] >= 0x20 {
            at += 1
        }
        // The fast path: nearly all strings have no escape.
        if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
            at += 1
            return try checked(bytes[start..<at - 1])
        }
        var text = Array(bytes[start..<at])
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return try checked(text[...])
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw error("a control character in a string")
            default: text.append(byte)
            }
        }
        throw error("unexpected end of a string")
    }

    private func checked(_ text: ArraySlice<UInt8>) throws(JSONError) -> String {
        guard let text = String(validating: text, as: UTF8.self) else { throw error("a string that is not UTF-8") }
        return text
    }

    private mutating func escape() throws(JSONError) -> [UInt8] {
        guard at < bytes.count else { throw error("unexpected end of a string") }
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return Array(String(Character(try scalar())).utf8)
        default: throw error("an unknown escape")
        }
    }

    /// `\u` and four digits, or two such escapes that form a surrogate pair.
    private mutating func scalar() throws(JSONError) -> Unicode.Scalar {
        let first = try hex()
        var code = first
        if (0xd800..<0xdc00).contains(first) {
            guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") else {
                throw error("half a surrogate pair")
            }
            at += 2
            let second = try hex()
            guard (0xdc00..<0xe000).contains(second) else { throw error("half a surrogate pair") }
            code = 0x10000 + (first - 0xd800) << 10 + (second - 0xdc00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("half a surrogate pair") }
        return scalar
    }

    private mutating func hex() throws(JSONError) -> UInt32 {
        guard at + 4 <= bytes.count,
            let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16),
            bytes[at] != UInt8(ascii: "+"), bytes[at] != UInt8(ascii: "-")
        else { throw error("expected four hexadecimal digits") }
        at += 4
        return code
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        var isWhole = true
        if at < bytes.count, bytes[at] == UInt8(ascii: "-") { at += 1 }
        let leading = at
        try digits()
        if bytes[leading] == UInt8(ascii: "0"), at - leading > 1 { throw error("a number with a leading zero") }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            isWhole = false
            at += 1
            try digits()
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        // A longer text is no sensible number, and slow to convert.
        guard at - start <= 64 else { throw error("a number that is too long") }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isWhole, let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else { throw error("a number out of range") }
        if limits.wholeNumbersAreIntegers, let integer = Int64(exactly: number) { return .integer(integer) }
        return .number(number)
    }

    private mutating func digits() throws(JSONError) {
        let start = at
        while at < bytes.count, (0x30...0x39).contains(bytes[at]) { at += 1 }
        guard at > start else { throw error("unexpected character") }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let length = word.utf8CodeUnitCount
        guard at + length <= bytes.count, bytes[at..<at + length].elementsEqual("\(word)".utf8) else {
            throw error("unexpected character")
        }
        at += length
        return value
    }

    /// Skips white space, then the byte if it comes next. True if it did.
    private mutating func takes(_ byte: UInt8) -> Bool {
        skipSpace()
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func skipSpace() {
        while at < bytes.count, bytes[at] == 0x20 || (0x09...0x0d).contains(bytes[at]), bytes[at] != 0x0b, bytes[at] != 0x0c {
            at += 1
        }
    }

    private func error(_ reason: String) -> JSONError { JSONError(reason: reason, offset: at) }
}
