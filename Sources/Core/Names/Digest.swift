package import Crypto
import WeirText

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
