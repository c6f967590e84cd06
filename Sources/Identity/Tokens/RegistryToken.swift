import Crypto
import WeirCore
import WeirText
import WeirVault

/// The password for `/v2/`: base64url, without padding, of
///
///     byte     version, 2
///     …        a sealed value (format: `SealedValue`), bound to `registry-token`, with:
///     moment   issued at
///     moment   expires at
///     text     region
///     …        whose it is (`TokenPrincipal`), with its session's policies and tags
///
/// It is opaque to clients and needs no table. It grants nothing by itself: its caller is looked up at every use.
///
/// Version 1, which earlier releases gave to roots for twelve hours, is not sealed: expiry (8 bytes, microseconds), account (12),
/// region and access key id, each with its length in a byte before it, and an HMAC-SHA256 of all before.
struct RegistryToken: Equatable {
    private static let version: UInt8 = 2
    private static let binding = "registry-token"
    /// Bounds the parser's work. A session's with all that it can hold has about 4,200 characters.
    private static let maxCharacters = 4_608

    let principal: TokenPrincipal
    let region: Region
    let issuedAt: Timestamp
    let expiresAt: Timestamp

    /// The keys that tokens are made with.
    struct Keys: Sendable {
        let sealing: SymmetricKey
        /// Of version 1.
        let signing: SymmetricKey

        init(_ rootKey: RootKey) {
            sealing = rootKey.derive("registry-token/2")
            signing = rootKey.derive("registry-token")
        }
    }

    var registry: RegistryID { RegistryID(account: principal.account, region: region) }

    func password(_ keys: Keys) throws(SealError) -> String {
        var writer = TokenWriter()
        writer.moment(issuedAt)
        writer.moment(expiresAt)
        writer.text(region.description)
        principal.write(to: &writer)
        return Base64URL.encode(
            [Self.version] + (try SealedValue.seal(writer.bytes, with: keys.sealing, binding: Self.binding)))
    }

    /// The token; nil if this server did not issue it, or it was changed.
    init?(password: String, _ keys: Keys) {
        guard password.utf8.count <= Self.maxCharacters, let bytes = Base64URL.decode(password), let version = bytes.first else {
            return nil
        }
        switch version {
        case Self.version:
            // Strict: two texts must not be the same token.
            guard Base64URL.encode(bytes) == password,
                let opened = try? SealedValue.open(Array(bytes.dropFirst()), with: keys.sealing, binding: Self.binding)
            else { return nil }
            self.init(opened)
        case FirstRegistryToken.version:
            guard let first = FirstRegistryToken(bytes, signedWith: keys.signing) else { return nil }
            self = first.token
        default: return nil
        }
    }

    private init?(_ bytes: [UInt8]) {
        var reader = TokenReader(bytes)
        guard let issuedAt = reader.moment(), let expiresAt = reader.moment(),
            let region = reader.text().flatMap({ try? Region($0) }), let principal = TokenPrincipal(from: &reader), reader.isAtEnd
        else { return nil }
        self.init(principal: principal, region: region, issuedAt: issuedAt, expiresAt: expiresAt)
    }

    init(principal: TokenPrincipal, region: Region, issuedAt: Timestamp, expiresAt: Timestamp) {
        self.principal = principal
        self.region = region
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
    }
}

/// Reads the first version's tokens, for as long as they last.
private struct FirstRegistryToken {
    static let version: UInt8 = 1
    private static let macSize = 32

    let token: RegistryToken

    init?(_ bytes: [UInt8], signedWith key: SymmetricKey) {
        guard bytes.count > Self.macSize + 23 else { return nil }
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
        let end = Timestamp(microseconds: Int64(bitPattern: microseconds))
        token = RegistryToken(
            principal: TokenPrincipal(kind: .root, account: account, accessKeyID: accessKeyID), region: region,
            issuedAt: end + .seconds(-12 * 3_600), expiresAt: end)
    }
}
