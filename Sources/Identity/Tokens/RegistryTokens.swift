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
    /// The caller's own, in the region that the token is for.
    package let registry: RegistryID
    package let expiresAt: Timestamp
    /// The access key that the token was made with.
    package let accessKeyID: String
    /// A user's key as a password is for every region; a token is for one.
    package let isForAnyRegion: Bool

    package init(
        caller: Caller, registry: RegistryID, expiresAt: Timestamp, accessKeyID: String, isForAnyRegion: Bool = false
    ) {
        self.caller = caller
        self.registry = registry
        self.expiresAt = expiresAt
        self.accessKeyID = accessKeyID
        self.isForAnyRegion = isForAnyRegion
    }
}

/// ECR's authorization tokens: the password that `docker login -u AWS` sends with every request to `/v2/`. And the passwords that
/// need no token: the secrets of users' access keys, with the key's id as the user name.
///
/// A token is valid for twelve hours, or for less where the settings say so, in the account and region that it was issued for.
/// Every data plane request is checked here, so verified headers are remembered; expiry and the caller are checked every time.
package struct RegistryTokens: Sendable {
    package struct Settings: Sendable, Equatable {
        package static let lifetimes = Duration.seconds(900)...Duration.seconds(12 * 3_600)

        /// Within `lifetimes`. It binds tokens already given out, too.
        package var lifetime = lifetimes.upperBound
        /// A token is over when the session is that it was made with.
        package var endsWithSession = false
        /// Users may sign in with an access key.
        package var takesUserKeys = true

        package init() {}
    }

    /// The user name that goes with a token.
    package static let user = "AWS"
    /// Header bytes. Those with the longest token have about 5,600.
    private static let longestHeader = 8_192

    private let credentials: Credentials
    private let keys: RegistryToken.Keys
    private let settings: Settings
    private let region: Region
    private let expected: @Sendable (Timestamp) -> Timestamp
    private let verified = VerifiedLogins()
    /// Links that need no password until they expire.
    package let links: SignedLinks

    /// - Parameters:
    ///   - region: the one that a user's key as a password is for, where the client's `Host` names none.
    ///   - expected: the time that the clock should show when it shows the given one, so that a token lasts as long as it should
    ///     whatever becomes of the clock.
    package init(
        rootKey: RootKey, credentials: Credentials, region: Region, settings: Settings = Settings(),
        expected: @escaping @Sendable (Timestamp) -> Timestamp = { $0 }
    ) {
        links = SignedLinks(credentials: credentials, rootKey: rootKey, settings: settings, expected: expected)
        self.expected = expected
        keys = RegistryToken.Keys(rootKey)
        self.settings = settings
        self.region = region
        self.credentials = credentials
    }

    /// A new password for the caller that signed with `accessKeyID`. The permission to issue it is checked before.
    package func issue(
        for caller: Caller, accessKeyID: String, region: Region, at now: Timestamp
    ) throws -> (password: String, expiresAt: Timestamp) {
        guard let principal = TokenPrincipal(caller, accessKeyID: accessKeyID) else { throw Principals.gone }
        let issued = expected(now)
        // To the millisecond, so that the expiry in the answer equals the one that is checked.
        var end = Timestamp(microseconds: (issued + settings.lifetime).microseconds / 1_000 * 1_000)
        if settings.endsWithSession, let session = caller.session { end = min(end, session.expiresAt) }
        let token = RegistryToken(principal: principal, region: region, issuedAt: issued, expiresAt: end)
        return (try token.password(keys), end)
    }

    /// The caller that sent `Authorization: Basic …`.
    ///
    /// Throws `.authenticationMissing` for another scheme or an empty login, `.tokenInvalid` for a login that is not ours or
    /// whose caller is gone, and `.tokenExpired` for a token that has ended.
    package func verify(basic header: String, now: Timestamp) async throws -> RegistryPrincipal {
        let generation = credentials.generation
        let known = verified.logins.withLock { $0[header] }
        switch try known?.login ?? parse(header) {
        case .token(let token):
            let now = expected(now)
            try check(token, at: now)
            let caller: Caller
            if let known, let remembered = known.caller, known.generation == generation, credentials.isHeld(token.principal) {
                caller = remembered
            } else {
                guard let found = try await credentials.caller(of: token.principal, issuedAt: token.issuedAt) else {
                    throw Self.gone
                }
                caller = found.seen(in: token.region)
                verified.logins.withLock {
                    $0[header] = VerifiedLogins.Known(login: .token(token), caller: caller, generation: generation)
                }
            }
            return RegistryPrincipal(
                caller: caller, registry: token.registry, expiresAt: end(of: token), accessKeyID: token.principal.accessKeyID)
        case .key(let id, let secret):
            let principal = try await user(id, secret, known?.caller, isCurrent: known?.generation == generation)
            verified.logins.withLock {
                $0[header] = VerifiedLogins.Known(login: .key(id, secret), caller: principal.caller, generation: generation)
            }
            return principal
        }
    }

    /// The access key that a header names: a token's by this server's own word, a password's by the client's. Whether either is
    /// still worth something is not looked up. Throws as `verify` for a header that is no login.
    package func accessKeyID(in header: String) throws(Refusal) -> String {
        switch try parse(header) {
        case .token(let token): token.principal.accessKeyID
        case .key(let id, _): id
        }
    }

    // MARK: Tokens

    private func end(of token: RegistryToken) -> Timestamp {
        let end = min(token.expiresAt, token.issuedAt + settings.lifetime)
        guard settings.endsWithSession, let session = token.principal.session else { return end }
        return min(end, session.expiresAt)
    }

    private func check(_ token: RegistryToken, at now: Timestamp) throws(Refusal) {
        // A token that was issued in the future was issued by a clock that was ahead: it counts as expired.
        guard now < end(of: token), token.issuedAt - now <= ClockGuard.tolerance else {
            throw Refusal(
                .tokenExpired, "Your authorization token has expired. Reauthenticate and try again.",
                brief: "the authorization token has expired. Sign in again with `aws ecr get-login-password`")
        }
    }

    private func parse(_ header: String) throws(Refusal) -> VerifiedLogins.Login {
        let scheme = header.prefix { $0 != " " }
        guard scheme.lowercased() == "basic" else {
            throw Refusal(.authenticationMissing, "Basic authentication is needed: user AWS and an authorization token.")
        }
        // Bounds the decoder's work.
        guard header.utf8.count <= Self.longestHeader else { throw Self.foreign }
        let encoded = String(header.dropFirst(scheme.count).drop { $0 == " " })
        guard let data = Data(base64Encoded: encoded), let text = String(validating: data, as: UTF8.self),
            let colon = text.firstIndex(of: ":")
        else { throw Self.foreign }
        // podman, skopeo and buildah send this if they have no login.
        guard text != ":" else { throw .notSignedIn }
        let (name, password) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
        if name != Self.user, settings.takesUserKeys, name.utf8.starts(with: AccessKeyID.longLived.utf8) {
            return .key(name, Array(password.utf8))
        }
        guard name == Self.user, let token = RegistryToken(password: password, keys) else { throw Self.foreign }
        return .token(token)
    }

    // MARK: Users' keys

    /// A user by its access key and secret: by HTTPS, or from this machine.
    private func user(_ id: String, _ secret: [UInt8], _ known: Caller?, isCurrent: Bool) async throws -> RegistryPrincipal {
        guard RequestOrigin.current.keepsPasswords else {
            throw Refusal(
                .tokenInvalid,
                "An access key is no password over plain HTTP: anyone on the way could read it. Use HTTPS, or an authorization token",
                brief: "an access key is no password over plain HTTP")
        }
        // One answer, and the same work, for an unknown key and a wrong secret.
        guard let owner = credentials.owner(ofKey: id, provedBy: secret) else { throw Self.foreign }
        guard case .user(id: let userID, account: let account) = owner else {
            throw Refusal(
                .tokenInvalid,
                "The account's root signs in with `aws ecr get-login-password`: its access key is no password.")
        }
        let caller: Caller
        if isCurrent, let known, known.userID == userID {
            caller = known
        } else {
            guard let found = try await credentials.caller(ofOwner: owner) else { throw Self.foreign }
            caller = found
        }
        return RegistryPrincipal(
            caller: caller.seen(in: region), registry: RegistryID(account: account, region: region),
            expiresAt: Timestamp(microseconds: .max), accessKeyID: id, isForAnyRegion: true)
    }

    private static let gone = Refusal(
        .tokenInvalid,
        "Whom the authorization token was made for, or the access key that it was made with, is gone. "
            + "Reauthenticate and try again.",
        brief: "the authorization token's owner or its access key is gone. Sign in again with `aws ecr get-login-password`")

    private static let foreign = Refusal(
        .tokenInvalid, "The authorization token is not one of this registry's. Sign in again with `aws ecr get-login-password`.")
}

/// Logins already verified, by the header that they came in.
private final class VerifiedLogins: Sendable {
    enum Login: Sendable {
        case token(RegistryToken)
        /// A user's key. The secret is compared again at each use: it may have been replaced.
        case key(String, [UInt8])
    }

    struct Known: Sendable {
        let login: Login
        /// Whose it was when the users, roles and accounts had this generation.
        let caller: Caller?
        let generation: UInt64
    }

    let logins = Mutex(BoundedMap<String, Known>(capacity: 4_096))
}

extension RequestOrigin {
    /// A password that the client has sent could be read by none on the way: it came over TLS, or from this machine.
    package var keepsPasswords: Bool {
        isSecure == true || address.flatMap { IPAddress(withZone: $0) }?.unmapped.isLoopback == true
    }
}

extension Refusal {
    /// The client sent no login, or an empty one.
    package static let notSignedIn = Refusal(
        .authenticationMissing, "Not Authorized: no login was sent. Sign in with `aws ecr get-login-password`",
        brief: "no login was sent. Sign in with `aws ecr get-login-password`")
}
