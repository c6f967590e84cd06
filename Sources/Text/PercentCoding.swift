/// Percent encoding (RFC 3986, 2.1) of bytes; it does not check what the decoded bytes mean.
package enum PercentCoding {
    /// How to treat a `%` that is not followed by two hexadecimal digits.
    package enum Broken: Sendable {
        case refused
        /// The `%` stands for itself.
        case kept
    }

    private static let percent = UInt8(ascii: "%")
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Nil if an escape is broken and `broken` is `.refused`.
    ///
    /// - Parameter plusIsSpace: true for forms, false for paths.
    package static func decoded(
        _ text: some Collection<UInt8>, plusIsSpace: Bool = false, broken: Broken = .refused
    ) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text[...]
        while let byte = rest.popFirst() {
            guard byte == percent else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
                continue
            }
            if let high = rest.first.flatMap(nibble), let low = rest.dropFirst().first.flatMap(nibble) {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else if broken == .kept {
                bytes.append(byte)
            } else {
                return nil
            }
        }
        return bytes
    }

    /// Everything that `isKept` does not keep is encoded, with capital digits.
    package static func encoded(_ bytes: some Sequence<UInt8>, keeping isKept: (UInt8) -> Bool = isUnreserved) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            if isKept(byte) { text.append(byte) } else { text += [percent, digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// RFC 3986, 2.3.
    package static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
