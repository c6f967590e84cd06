/// Changes inputs, a little or a lot, the same way for the same seed.
package struct Mutator: RandomNumberGenerator, Sendable {
    /// The numbers at which arithmetic breaks.
    static let edgeNumbers = [
        "-1", "0", "1", "-0", "2147483647", "2147483648", "4294967295", "4294967296", "9007199254740991", "9007199254740992",
        "9007199254740993", "54525952000", "54525952001", "9223372036854775806", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1e300", "1e308", "1e309",
        "-1e300",
        "1e-300", "1e18", "9.3e18", "1e13", "0.5", "NaN", "nan", "inf", "-inf", "Infinity", "null", "0x10", "1_000", "007",
        "99999999999999999999999999999999999999999999999999",
    ]
    /// Texts that parsers stumble over: empty, NUL, half a character, combining characters, reversed direction, escapes.
    static let edgeTexts: [[UInt8]] = [
        [], [0], [0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], Array("é".utf8), Array("e\u{301}".utf8),
        Array("\u{202E}".utf8),
        Array("👩‍👩‍👧".utf8), Array("\r\n".utf8), Array("%00".utf8), Array("%2F".utf8), Array("%".utf8), Array("..".utf8),
        Array("\\u0000".utf8),
        Array("\\ud800".utf8), Array("${*}".utf8), Array("${".utf8), Array("\u{FEFF}".utf8), Array("\u{2028}".utf8), [0x7F],
        Array("\t".utf8),
    ]
    private static let longest = 64 << 10

    private var state: UInt64

    package init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0xD1B5_4A32_D192_ED03 }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Below `limit`, which is above 0. Not quite even, and fast.
    mutating func below(_ limit: Int) -> Int { Int(next() >> 33) % limit }

    mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }

    /// The input, changed in one to four places. `others` are inputs of the same kind, to be mixed in.
    package mutating func change(_ input: [UInt8], words: [String], others: [[UInt8]]) -> [UInt8] {
        var bytes = input
        for _ in 0...below(4) { changeOnce(&bytes, words: words, others: others) }
        if bytes.count > Self.longest { bytes.removeLast(bytes.count - Self.longest) }
        return bytes
    }

    private mutating func changeOnce(_ bytes: inout [UInt8], words: [String], others: [[UInt8]]) {
        switch below(14) {
        case 0, 1, 2: replaceNumber(&bytes)
        case 3: insert(Array(pick(Self.edgeNumbers).utf8), &bytes)
        case 4: insert(pick(Self.edgeTexts), &bytes)
        case 5 where !words.isEmpty, 6 where !words.isEmpty: insert(Array(pick(words).utf8), &bytes)
        case 7: bytes.removeSubrange(part(of: bytes, upTo: 40))
        case 8: insert(Array(bytes[part(of: bytes, upTo: 40)]), &bytes)
        case 9 where !others.isEmpty: splice(pick(others), &bytes)
        case 10: repeatPart(&bytes)
        case 11: bytes.removeSubrange((bytes.isEmpty ? 0 : below(bytes.count))...)
        case 12: nest(&bytes)
        default: if !bytes.isEmpty { bytes[below(bytes.count)] = UInt8(truncatingIfNeeded: next()) }
        }
    }

    private mutating func part(of bytes: [UInt8], upTo most: Int) -> Range<Int> {
        guard !bytes.isEmpty else { return 0..<0 }
        let start = below(bytes.count)
        return start..<min(bytes.count, start + 1 + below(most))
    }

    private mutating func insert(_ piece: [UInt8], _ bytes: inout [UInt8]) {
        bytes.insert(contentsOf: piece, at: below(bytes.count + 1))
    }

    /// Replaces a number in the input by one of the edges, or by its neighbour.
    private mutating func replaceNumber(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let from = below(bytes.count)
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        guard let start = bytes[from...].firstIndex(where: isDigit) ?? bytes.firstIndex(where: isDigit) else { return }
        let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.endIndex
        bytes.replaceSubrange(start..<end, with: pick(Self.edgeNumbers).utf8)
    }

    private mutating func splice(_ other: [UInt8], _ bytes: inout [UInt8]) {
        guard !other.isEmpty else { return }
        bytes.replaceSubrange(part(of: bytes, upTo: 200), with: other[part(of: other, upTo: 200)])
    }

    private mutating func repeatPart(_ bytes: inout [UInt8]) {
        let piece = Array(bytes[part(of: bytes, upTo: 20)])
        let times = 1 << below(12)
        guard piece.count * times < Self.longest else { return }
        insert((0..<times).flatMap { _ in piece }, &bytes)
    }

    private mutating func nest(_ bytes: inout [UInt8]) {
        let (open, close) = pick([("[", "]"), ("{\"a\":", "}"), ("(", ")"), ("<", ">"), ("\"", "\""), ("${", "}")])
        let times = 1 << below(11), where_ = part(of: bytes, upTo: 40)
        let piece = Array(bytes[where_])
        let before = (0..<times).flatMap { _ in open.utf8 }, after = (0..<times).flatMap { _ in close.utf8 }
        bytes.replaceSubrange(where_, with: before + piece + after)
    }
}
