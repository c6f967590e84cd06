import Crypto
import WeirCore
import WeirText

/// The password for `/v2/`, as bytes:
///
///     1        version, 1
///     8        expires at, microseconds since 1970, big endian
///     12       account
///     1 + n    region, its length before it
///     1 + n    access key id, its length before it
///     32       HMAC-SHA256 of all before
///
/// sent as base64url without padding. It is opaque to clients and needs no table. It grants nothing by itself: the access key's
/// owner is looked up at every use, so removing a key also ends its tokens.
struct RegistryToken: Equatable {
    private static let version: UInt8 = 1
    private static let macSize = 32
    /// Bounds the parser's work; our tokens have about 130 characters.
    private static let maxCharacters = 1_024

    let expiresAt: Timestamp
    let registry: RegistryID
    let accessKeyID: String

    func password(signedWith key: SymmetricKey) -> String {
        var bytes = [Self.version]
        withUnsafeBytes(of: expiresAt.microseconds.bigEndian) { bytes += $0 }
        bytes += Array(registry.account.description.utf8)
        for text in [registry.region.description, accessKeyID] {
            bytes.append(UInt8(truncatingIfNeeded: text.utf8.count))
            bytes += Array(text.utf8)
        }
        bytes += Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
        return Base64URL.encode(bytes)
    }

    /// The token; nil if this server did not issue it, or it was changed.
    init?(password: String, signedWith key: SymmetricKey) {
        guard password.utf8.count <= Self.maxCharacters, let bytes = Base64URL.decode(password),
            bytes.count > Self.macSize + 23, bytes[0] == Self.version
        else { return nil }
        let signed = bytes.dropLast(Self.macSize)
        // Compares in constant time.
        guard HMAC<SHA256>.isValidAuthenticationCode(bytes.suffix(Self.macSize), authenticating: signed, using: key)
        else { return nil }
        var rest = signed.dropFirst(9)
        func text(_ count: Int) -> String? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return String(decoding: rest.prefix(count), as: UTF8.self)
        }
        guard let account = text(12).flatMap({ try? AccountID($0) }),
            let region = rest.popFirst().flatMap({ text(Int($0)) }).flatMap({ try? Region($0) }),
            let accessKeyID = rest.popFirst().flatMap({ text(Int($0)) }), rest.isEmpty
        else { return nil }
        let microseconds = signed.dropFirst().prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        expiresAt = Timestamp(microseconds: Int64(bitPattern: microseconds))
        registry = RegistryID(account: account, region: region)
        self.accessKeyID = accessKeyID
    }

    init(expiresAt: Timestamp, registry: RegistryID, accessKeyID: String) {
        self.expiresAt = expiresAt
        self.registry = registry
        self.accessKeyID = accessKeyID
    }
}
