import Crypto
import WeirCore
import WeirText
package import WeirVault

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Session tokens: what a session is, sealed by a key that is derived from the root key, since no table holds sessions.
///
///     token    base64url, 4,096 characters at most, of a sealed value (format: `SealedValue`) with:
///     byte     version, 1
///     …        the session's caller (`TokenPrincipal`): its entity, times, policies, tags and claims
///
/// The access key id is authenticated with the value: a token opens beside the key that it was made with and beside no other. The
/// key's secret is an HMAC over key id and token, so it is stored nowhere. Nothing is compressed: the length of what is sealed
/// tells nothing of its parts.
package struct SessionTokens: Sendable {
    package static let maxCharacters = 4_096
    /// Bytes of the fields: three for each four characters, without what sealing adds.
    static let maxBytes = maxCharacters / 4 * 3 - SealedValue.overhead
    private static let version: UInt8 = 1
    /// Characters of a secret, as AWS's have.
    private static let secretSize = 40

    private let sealing: SymmetricKey
    private let secrets: SymmetricKey

    package init(rootKey: RootKey) {
        sealing = rootKey.derive("session-token")
        secrets = rootKey.derive("session-secret")
    }

    /// The fields of a token. Not sealed: their number tells whether they fit.
    static func bytes(of principal: TokenPrincipal) -> [UInt8] {
        var writer = TokenWriter()
        writer.byte(version)
        principal.write(to: &writer)
        return writer.bytes
    }

    /// The token with its secret. `bytes` are those of a session of at most `maxBytes`.
    func seal(_ bytes: [UInt8], accessKeyID: String) throws(SealError) -> (token: String, secret: [UInt8]) {
        let token = Base64URL.encode(try SealedValue.seal(bytes, with: sealing, binding: Self.binding(accessKeyID)))
        return (token, secret(of: accessKeyID, token))
    }

    /// The session; nil where this server did not make the token, it was changed, or it belongs to another key.
    package func open(_ token: String, accessKeyID: String) -> TokenPrincipal? {
        // Strict: two texts must not be the same token.
        guard token.utf8.count <= Self.maxCharacters, AccessKeyID.isTemporary(accessKeyID), let sealed = Base64URL.decode(token),
            Base64URL.encode(sealed) == token,
            let bytes = try? SealedValue.open(sealed, with: sealing, binding: Self.binding(accessKeyID))
        else { return nil }
        var reader = TokenReader(bytes)
        guard reader.byte() == Self.version, let principal = TokenPrincipal(from: &reader), reader.isAtEnd,
            principal.kind.isSession, principal.accessKeyID == accessKeyID
        else { return nil }
        return principal
    }

    /// The secret of a session's access key.
    func secret(of accessKeyID: String, _ token: String) -> [UInt8] {
        let mac = HMAC<SHA256>.authenticationCode(for: Array("\(accessKeyID)\n\(token)".utf8), using: secrets)
        return Array(Data(mac).base64EncodedString().utf8.prefix(Self.secretSize))
    }

    private static func binding(_ accessKeyID: String) -> String { "session-token/\(accessKeyID)" }
}
