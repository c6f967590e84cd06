import Crypto
package import WeirCore
import WeirText
package import WeirVault

/// Encoded authorization messages: what a denial was about, sealed for the caller to hand to someone who may read it
/// (`DecodeAuthorizationMessage`). Base64url of a sealed value (format: `SealedValue`), which is bound to the caller's account.
package struct AuthorizationMessages: Sendable {
    /// STS's bound.
    package static let maxCharacters = 10_240
    /// Bytes of a message before it is sealed.
    package static let maxBytes = maxCharacters / 4 * 3 - SealedValue.overhead

    private let key: SymmetricKey

    package init(rootKey: RootKey) { key = rootKey.derive("authorization-message") }

    /// Nil for a message that is too long.
    package func seal(_ message: String, for account: AccountID) -> String? {
        guard message.utf8.count <= Self.maxBytes,
            let sealed = try? SealedValue.seal(Array(message.utf8), with: key, binding: Self.binding(account))
        else { return nil }
        return Base64URL.encode(sealed)
    }

    /// Nil where this server did not make it for that account, or it was changed.
    package func open(_ text: String, of account: AccountID) -> String? {
        guard text.utf8.count <= Self.maxCharacters, let sealed = Base64URL.decode(text), Base64URL.encode(sealed) == text,
            let bytes = try? SealedValue.open(sealed, with: key, binding: Self.binding(account))
        else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func binding(_ account: AccountID) -> String { "authorization-message/\(account)" }
}
