package import HTTPTypes

extension HTTPResponse.Status {
    /// The longest reason phrase that is sent, in bytes: some clients print it in the middle of a line of their own.
    package static let longestReason = 160

    /// The same status, whose reason phrase says why: `503 Service Unavailable: upstream quay.io: connection refused`.
    ///
    /// Most container clients do not show a refusal's body: docker prints that of a 4xx GET only, containerd and BuildKit ask by
    /// HEAD, which has none. All of them print the status line as it comes. The standard words stand in front: people and
    /// programs search logs for them.
    ///
    /// - Parameter text: any text. It comes out as one line of printable ASCII, cut where it is too long: what a client has put
    ///   into it can end neither the line nor the head.
    package func saying(_ text: String) -> Self {
        let standard = reasonPhrase
        let start = standard.isEmpty ? "" : standard + ": "
        let line = ASCIILine(text, upTo: max(0, Self.longestReason - start.utf8.count)).text
        return line.isEmpty ? self : Self(code: code, reasonPhrase: start + line)
    }
}

/// A text as one line of printable ASCII.
struct ASCIILine {
    private(set) var text = ""

    /// - Parameter limit: in bytes. A longer text ends with `...`, behind a whole word where there is one near.
    init(_ source: String, upTo limit: Int) {
        var bytes: [UInt8] = []
        for scalar in source.unicodeScalars {
            // One more than fits tells that there is more.
            guard bytes.count <= limit else { break }
            let letter = Self.letter(for: scalar)
            if letter == UInt8(ascii: " "), bytes.isEmpty || bytes.last == letter { continue }
            bytes.append(letter)
        }
        if bytes.count > limit { bytes = Self.cut(bytes, to: limit) }
        while bytes.last == UInt8(ascii: " ") { bytes.removeLast() }
        text = String(decoding: bytes, as: UTF8.self)
    }

    private static let dots = Array("...".utf8)

    private static func cut(_ bytes: [UInt8], to limit: Int) -> [UInt8] {
        guard limit > dots.count else { return Array(bytes.prefix(limit)) }
        var kept = bytes.prefix(limit - dots.count)
        if let space = kept.lastIndex(of: UInt8(ascii: " ")), space > kept.count / 2 { kept = kept[..<space] }
        return Array(kept) + dots
    }

    private static func letter(for scalar: Unicode.Scalar) -> UInt8 {
        switch scalar.value {
        case 0x21...0x7e: UInt8(ascii: scalar)
        case 0...0x20, 0x7f...0xa0, 0x2000...0x200a, 0x2028...0x2029: UInt8(ascii: " ")
        case 0x2018...0x201b, 0x201c...0x201f: UInt8(ascii: "'")
        case 0x2010...0x2015: UInt8(ascii: "-")
        default: UInt8(ascii: "?")
        }
    }
}
