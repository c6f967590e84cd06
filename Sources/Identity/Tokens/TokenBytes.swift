import WeirCore

/// Writes the fields of this server's own tokens: numbers big endian, each text and each list with its length in two bytes
/// before it.
struct TokenWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func moment(_ value: Timestamp) { withUnsafeBytes(of: value.microseconds.bigEndian) { bytes += $0 } }

    /// A text of at most 65,535 bytes: every text here has a bound far below.
    mutating func text(_ value: String) {
        let utf8 = value.utf8.prefix(Int(UInt16.max))
        length(utf8.count)
        bytes += utf8
    }

    mutating func texts(_ values: [String]) {
        let values = values.prefix(Int(UInt16.max))
        length(values.count)
        for value in values { text(value) }
    }

    private mutating func length(_ count: Int) {
        withUnsafeBytes(of: UInt16(clamping: count).bigEndian) { bytes += $0 }
    }
}

/// Reads what `TokenWriter` wrote. Nil where the bytes end too early, or are no UTF-8.
struct TokenReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: some Sequence<UInt8>) { rest = Array(bytes)[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() -> UInt8? { rest.popFirst() }

    mutating func moment() -> Timestamp? {
        guard let bits = number(8) else { return nil }
        return Timestamp(microseconds: Int64(bitPattern: bits))
    }

    mutating func text() -> String? {
        guard let count = number(2).map(Int.init), rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return String(validating: rest.prefix(count), as: UTF8.self)
    }

    mutating func texts() -> [String]? {
        guard let count = number(2).map(Int.init), rest.count >= count else { return nil }
        var values: [String] = []
        for _ in 0..<count {
            guard let value = text() else { return nil }
            values.append(value)
        }
        return values
    }

    private mutating func number(_ size: Int) -> UInt64? {
        guard rest.count >= size else { return nil }
        defer { rest = rest.dropFirst(size) }
        return rest.prefix(size).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
