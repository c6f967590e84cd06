package import Crypto

/// A content address, `sha256:<64 hex>` or `sha512:<128 hex>`, lower case.
///
/// The text has been checked, whole and exact: a `Digest` is safe in a path.
package struct Digest: Hashable, Sendable, CustomStringConvertible, Comparable {
    package enum Algorithm: String, Sendable, CaseIterable {
        case sha256, sha512

        package var hexLength: Int { self == .sha256 ? 64 : 128 }
    }

    package let algorithm: Algorithm
    /// The lower-case hexadecimal part.
    package let hex: String

    package init(_ text: String) throws(NameError) {
        guard let colon = text.firstIndex(of: ":"), let algorithm = Algorithm(rawValue: String(text[..<colon])) else {
            throw NameError("digest", text, "does not begin with sha256: or sha512:")
        }
        let hex = text[text.index(after: colon)...]
        guard hex.utf8.count == algorithm.hexLength,
            hex.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) })
        else {
            throw NameError("digest", text, "needs \(algorithm.hexLength) lower-case hexadecimal digits")
        }
        self.algorithm = algorithm
        self.hex = String(hex)
    }

    package init(_ digest: SHA256.Digest) {
        algorithm = .sha256
        hex = Hex.encode(digest)
    }

    package init(_ digest: SHA512.Digest) {
        algorithm = .sha512
        hex = Hex.encode(digest)
    }

    /// The digest of `bytes`.
    package init(of bytes: some Sequence<UInt8>, _ algorithm: Algorithm = .sha256) {
        let bytes = Array(bytes)
        switch algorithm {
        case .sha256: self.init(SHA256.hash(data: bytes))
        case .sha512: self.init(SHA512.hash(data: bytes))
        }
    }

    package var description: String { "\(algorithm.rawValue):\(hex)" }
    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// Hexadecimal text, lower case.
package enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(128)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that `text` spells; nil if it is not an even number of hexadecimal digits.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let nibbles = text.utf8.map { byte -> UInt8? in
            switch byte {
            case 0x30...0x39: byte - 0x30
            case 0x61...0x66: byte - 0x61 + 10
            case 0x41...0x46: byte - 0x41 + 10
            default: nil
            }
        }
        guard nibbles.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: nibbles.count, by: 2) {
            guard let high = nibbles[index], let low = nibbles[index + 1] else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
