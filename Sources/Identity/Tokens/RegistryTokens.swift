import Crypto
import Synchronization
package import WeirCore
package import WeirVault

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The caller of a data plane request, and the registry of its token.
package struct RegistryPrincipal: Sendable, Equatable {
    package let caller: Caller
    package let registry: RegistryID
    package let expiresAt: Timestamp
    /// The access key that the token was made with.
    package let accessKeyID: String
}

/// ECR's authorization tokens: the password that `docker login -u AWS` sends with every request to `/v2/`.
///
/// Valid for twelve hours, in the account and region that they were issued for. Every data plane request is checked here, so
/// verified tokens are remembered by their header value; expiry and the access key are checked every time.
package struct RegistryTokens: Sendable {
    package static let lifetime = Duration.seconds(12 * 3_600)
    /// The user name that goes with the password.
    package static let user = "AWS"

    private let keys: AccessKeys
    private let signingKey: SymmetricKey
    private let expected: @Sendable (Timestamp) -> Timestamp
    private let verified = VerifiedTokens()
    /// Links that need no password until they expire.
    package let links: SignedLinks

    /// - Parameter expected: the time that the clock should show when it shows the given one, so that a token lasts twelve hours
    ///   whatever becomes of the clock.
    package init(rootKey: RootKey, keys: AccessKeys, expected: @escaping @Sendable (Timestamp) -> Timestamp = { $0 }) {
        links = SignedLinks(keys: keys, signingKey: rootKey.derive("layer-link"), expected: expected)
        self.expected = expected
        signingKey = rootKey.derive("registry-token")
        self.keys = keys
    }

    /// A new password for the caller that signed with `accessKeyID`. The permission to issue it is checked before.
    package func issue(
        accessKeyID: String, registry: RegistryID, at now: Timestamp
    ) -> (password: String, expiresAt: Timestamp) {
        // To the millisecond, so that the expiry in the answer equals the one that is checked.
        let expires = Timestamp(microseconds: (expected(now) + Self.lifetime).microseconds / 1_000 * 1_000)
        let token = RegistryToken(expiresAt: expires, registry: registry, accessKeyID: accessKeyID)
        return (token.password(signedWith: signingKey), expires)
    }

    /// The caller that sent `Authorization: Basic …`.
    ///
    /// Throws `.authenticationMissing` for another scheme or an empty login, `.tokenInvalid` for a token that is not ours, and
    /// `.tokenExpired` after twelve hours.
    package func verify(basic header: String, now: Timestamp) throws(Refusal) -> RegistryPrincipal {
        let token: RegistryToken
        if let known = verified.tokens.withLock({ $0[header] }) {
            token = known
        } else {
            token = try parse(header)
            verified.tokens.withLock { $0[header] = token }
        }
        let now = expected(now)
        // A token that lasts longer than `lifetime` was issued by a clock that was ahead: it counts as expired.
        guard now < token.expiresAt, token.expiresAt - now <= Self.lifetime + ClockGuard.tolerance else {
            throw Refusal(
                .tokenExpired, "Your authorization token has expired. Reauthenticate and try again.",
                brief: "the authorization token has expired. Sign in again with `aws ecr get-login-password`")
        }
        guard let caller = keys.root(of: token.accessKeyID) else {
            throw Refusal(
                .tokenInvalid, "The access key that the authorization token was made with is gone. Reauthenticate and try again.")
        }
        return RegistryPrincipal(
            caller: caller.seen(in: token.registry.region), registry: token.registry, expiresAt: token.expiresAt,
            accessKeyID: token.accessKeyID)
    }

    private func parse(_ header: String) throws(Refusal) -> RegistryToken {
        let scheme = header.prefix { $0 != " " }
        guard scheme.lowercased() == "basic" else {
            throw Refusal(.authenticationMissing, "Basic authentication is needed: user AWS and an authorization token.")
        }
        let encoded = String(header.dropFirst(scheme.count).drop { $0 == " " })
        // Bounds the decoder's work; our headers have under 300 characters.
        guard encoded.utf8.count <= 4_096, let data = Data(base64Encoded: encoded),
            let text = String(validating: data, as: UTF8.self), let colon = text.firstIndex(of: ":")
        else { throw Self.foreign }
        // podman, skopeo and buildah send this if they have no login.
        guard text != ":" else { throw .notSignedIn }
        guard text[..<colon] == Self.user,
            let token = RegistryToken(password: String(text[text.index(after: colon)...]), signedWith: signingKey)
        else { throw Self.foreign }
        return token
    }

    private static let foreign = Refusal(
        .tokenInvalid, "The authorization token is not one of this registry's. Sign in again with `aws ecr get-login-password`.")
}

/// Tokens already verified, by the header that they came in.
private final class VerifiedTokens: Sendable {
    let tokens = Mutex(BoundedMap<String, RegistryToken>(capacity: 4_096))
}

extension Refusal {
    /// The client sent no login, or an empty one.
    package static let notSignedIn = Refusal(
        .authenticationMissing, "Not Authorized: no login was sent. Sign in with `aws ecr get-login-password`",
        brief: "no login was sent. Sign in with `aws ecr get-login-password`")
}
