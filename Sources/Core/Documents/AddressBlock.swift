/// A range of IP addresses, `203.0.113.0/24` or `2001:db8::/32`; a bare address is a range of one.
///
/// An IPv4 address written as IPv6 (`::ffff:203.0.113.7`), as a dual-stack socket reports it, is the IPv4 address.
struct AddressBlock: Sendable, Hashable {
    /// 4 or 16 bytes.
    private let address: [UInt8]
    private let bits: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = Self.bytes(of: String(first)) else { return nil }
        self.address = address
        guard parts.count == 2 else {
            bits = address.count * 8
            return
        }
        guard let bits = Int(parts[1]), (0...address.count * 8).contains(bits), parts[1].utf8.allSatisfy(Self.isDigit)
        else { return nil }
        self.bits = bits
    }

    /// True if the address lies in the range. False for text that is not an address.
    func contains(_ text: String) -> Bool {
        guard let other = Self.bytes(of: text), other.count == address.count else { return false }
        for index in 0..<address.count {
            let meant = min(max(bits - index * 8, 0), 8)
            let mask = UInt8(truncatingIfNeeded: 0xff00 >> meant)
            if (address[index] ^ other[index]) & mask != 0 { return false }
        }
        return true
    }

    private static func bytes(of text: String) -> [UInt8]? {
        // A zone (`%eth0`) is not part of the address.
        let bare = text.prefix { $0 != "%" }
        guard bare.contains(":") else { return version4(bare) }
        guard let bytes = version6(bare) else { return nil }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        return Array(bytes.prefix(12)) == mapped ? Array(bytes.suffix(4)) : bytes
    }

    private static func version4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let bytes = parts.compactMap { part -> UInt8? in
            // Refused: `010` is octal 8 to some readers and decimal 10 to others.
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy(isDigit),
                part.utf8.count == 1 || part.first != "0"
            else { return nil }
            return UInt8(part)
        }
        return bytes.count == 4 ? bytes : nil
    }

    private static func version6(_ text: Substring) -> [UInt8]? {
        guard let gap = text.firstRange(of: "::") else {
            guard let bytes = groups(text), bytes.count == 16 else { return nil }
            return bytes
        }
        guard let head = groups(text[..<gap.lowerBound]), let tail = groups(text[gap.upperBound...]),
            head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    /// Colon-separated groups of up to four hexadecimal digits; the last may be an IPv4 address. No groups for empty text.
    private static func groups(_ text: Substring) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        var bytes: [UInt8] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(".") {
                guard let tail = version4(part) else { return nil }
                bytes += tail
                continue
            }
            guard (1...4).contains(part.utf8.count), part.first != "+", let group = UInt16(part, radix: 16) else {
                return nil
            }
            bytes += [UInt8(group >> 8), UInt8(group & 0xff)]
        }
        return bytes
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
