/// Percent-encoded text of paths and queries (RFC 3986, 2.1).
enum PercentText {
    /// A path's segment, decoded once. Refuses what would not be the same path to every reader.
    static func segment(_ raw: Substring) throws(DistributionPath.Problem) -> String {
        let text: String
        if raw.utf8.contains(UInt8(ascii: "%")) {
            guard let decoded = decoded(raw) else { throw .trick("a percent escape is broken") }
            text = decoded
        } else {
            text = String(raw)
        }
        guard text != "..", text != "." else { throw .trick("a segment is '\(text)'") }
        guard !text.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }) else {
            throw .trick("a segment holds a slash or a NUL")
        }
        return text
    }

    /// nil where an escape is broken or the bytes are not UTF-8.
    static func decoded(_ raw: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        var rest = raw.utf8.makeIterator()
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.next().flatMap(nibble), let low = rest.next().flatMap(nibble) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Escapes everything but RFC 3986's unreserved characters.
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

/// The parameters of a query, decoded.
struct QueryParameters {
    /// What comes after so many is nobody's: no request of this API has a tenth of them, and a link's are read before it is
    /// proved.
    private static let most = 1_000

    private var values: [String: [String]] = [:]

    init(_ raw: String) {
        guard !raw.isEmpty else { return }
        for pair in raw.split(separator: "&", maxSplits: Self.most).prefix(Self.most) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentText.decoded(parts[0]) else { continue }
            let value = parts.count > 1 ? PercentText.decoded(parts[1]) : ""
            if let value { values[name, default: []].append(value) }
        }
    }

    /// Of several with the same name the first counts.
    subscript(_ name: String) -> String? { values[name]?.first }

    func all(_ name: String) -> [String] { values[name] ?? [] }
}
