import Crypto
import Synchronization
package import WeirCore

/// Who a signature, a password or a token belongs to: users and roots by their keys, sessions by their tokens.
///
/// What a token names is looked up at every use. A session is over with its own end, with its role or user, with the key that
/// it was made with, when sessions are revoked, and while its account is disabled.
package final class Credentials: Sendable {
    /// A caller, and the secret that proves it. Its printed form reveals nothing.
    package struct Signer: Sendable, CustomStringConvertible, CustomReflectable {
        package let caller: Caller
        package let secret: [UInt8]

        package var description: String { "(a signer)" }
        package var customMirror: Mirror { Mirror(self, children: []) }
    }

    /// A signature that was proved.
    package struct Use: Sendable {
        package let caller: Caller
        package let accessKeyID: String
        /// Such as `ecr`.
        package let service: String
        package let region: Region
        package let at: Timestamp

        package init(caller: Caller, accessKeyID: String, service: String, region: Region, at: Timestamp) {
            self.caller = caller
            self.accessKeyID = accessKeyID
            self.service = service
            self.region = region
            self.at = at
        }
    }

    private let keys: AccessKeys
    private let principals: Principals
    private let tokens: SessionTokens
    private let expected: @Sendable (Timestamp) -> Timestamp
    /// What passwords are compared by, and what an unknown key's is compared with: random, of this process.
    private let comparing = SymmetricKey(size: .bits256)
    private let noSecret = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
    private let disabled = Mutex(BoundedMap<AccountID, (generation: UInt64, isDisabled: Bool)>(capacity: 4_096))

    /// Told of each signature that was proved: when keys and roles were last used.
    package let used: @Sendable (Use) -> Void

    /// - Parameters:
    ///   - used: must not wait.
    ///   - expected: the time that the clock should show when it shows the given one.
    package init(
        keys: AccessKeys, principals: Principals, tokens: SessionTokens, used: @escaping @Sendable (Use) -> Void = { _ in },
        expected: @escaping @Sendable (Timestamp) -> Timestamp = { $0 }
    ) {
        self.keys = keys
        self.principals = principals
        self.tokens = tokens
        self.used = used
        self.expected = expected
    }

    /// Increases with every change of users, roles and accounts: what was looked up at another value may be out of date.
    var generation: UInt64 { principals.store.generation }

    // MARK: Signatures

    /// Whose key it is, with the secret to verify a signature by.
    ///
    /// Throws `.credentialsUnknown` for a key or token that is unknown, inactive, over or another key's: one answer for all of
    /// them. Throws `.credentialsExpired` for a session that has ended.
    package func signer(_ accessKeyID: String, sessionToken: String?, at now: Timestamp) async throws -> Signer {
        guard let sessionToken else {
            guard let (owner, secret) = keys.secret(of: accessKeyID), let caller = try await caller(ofOwner: owner) else {
                throw Principals.gone
            }
            return Signer(caller: caller, secret: secret)
        }
        guard let principal = tokens.open(sessionToken, accessKeyID: accessKeyID), let session = principal.session else {
            throw Principals.gone
        }
        let now = expected(now)
        // A session that was made in the future was made by a clock that was ahead.
        guard now < session.expiresAt, session.issuedAt - now <= ClockGuard.tolerance else { throw Self.expired }
        guard let caller = try await caller(of: principal) else { throw Principals.gone }
        return Signer(caller: caller, secret: tokens.secret(of: accessKeyID, sessionToken))
    }

    private static let expired = Refusal(.credentialsExpired, "The security token included in the request is expired")

    // MARK: Passwords

    /// The owner of a long-lived key, where `password` is its secret. Takes the same time for an unknown key as for a wrong
    /// password, whatever they have in common with the right ones.
    func owner(ofKey id: String, provedBy password: [UInt8]) -> AccessKeys.Owner? {
        let found = keys.secret(of: id)
        let code = HMAC<SHA256>.authenticationCode(for: found?.secret ?? noSecret, using: comparing)
        let isRight = HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: password, using: comparing)
        return isRight ? found?.owner : nil
    }

    // MARK: Callers

    /// The owner of a long-lived key as a caller; nil where the user is gone, or its account is disabled.
    func caller(ofOwner owner: AccessKeys.Owner) async throws -> Caller? {
        switch owner {
        case .root(let account, partition: let partition):
            return try await isDisabled(account) ? nil : .root(of: account, partition: partition)
        case .user(id: let id, account: let account):
            guard let user = try await entity(id, .user, in: account) else { return nil }
            return .user(user.identity(), of: account)
        }
    }

    /// The caller that a token names, as it is now; nil where it is no more. The session's own end is not looked at: a registry's
    /// token may outlive it.
    ///
    /// - Parameter issuedAt: when a token of a long-lived key was made: it is revoked with the sessions.
    func caller(of principal: TokenPrincipal, issuedAt: Timestamp? = nil) async throws -> Caller? {
        let account = principal.account
        guard let session = principal.session else {
            guard let owner = keys.owner(of: principal.accessKeyID), Self.isMeant(owner, by: principal) else { return nil }
            guard case .user(id: let id, account: _) = owner else { return try await caller(ofOwner: owner) }
            guard let user = try await entity(id, .user, in: account), !Self.isRevoked(user, issuedAt) else { return nil }
            return .user(user.identity(), of: account)
        }
        if principal.kind == .roleSession || principal.kind == .webSession {
            guard let role = try await entity(principal.entityID, .role, in: account), !Self.isRevoked(role, session.issuedAt)
            else { return nil }
            return .session(of: role.identity(), named: principal.name, in: account, session: session)
        }
        // It ends with the key that it was made with.
        guard let parent = session.parentKeyID, let owner = keys.owner(of: parent), Self.isMeant(owner, by: principal) else {
            return nil
        }
        guard case .user(id: let id, account: _) = owner else {
            guard try await !isDisabled(account) else { return nil }
            return principal.kind == .rootSession
                ? .root(of: account, session: session)
                : .federated(principal.name, by: nil, in: account, partition: "aws", session: session)
        }
        guard let user = try await entity(id, .user, in: account), !Self.isRevoked(user, session.issuedAt) else { return nil }
        return principal.kind == .userSession
            ? .user(user.identity(), of: account, session: session)
            : .federated(principal.name, by: user.identity(), in: account, partition: "aws", session: session)
    }

    /// The key that a token ends with is there and active, and its owner is who the token says. True of a role's session.
    func isHeld(_ principal: TokenPrincipal) -> Bool {
        guard let id = principal.session.map({ $0.parentKeyID }) ?? principal.accessKeyID else {
            return principal.kind == .roleSession || principal.kind == .webSession
        }
        return keys.owner(of: id).map { Self.isMeant($0, by: principal) } ?? false
    }

    /// The key's owner is who the token says.
    private static func isMeant(_ owner: AccessKeys.Owner, by principal: TokenPrincipal) -> Bool {
        switch (owner, principal.kind) {
        case (.root(let account, partition: _), .root), (.root(let account, partition: _), .rootSession),
            (.root(let account, partition: _), .federatedUser):
            account == principal.account && principal.entityID.isEmpty
        case (.user(id: let id, account: let account), .user), (.user(id: let id, account: let account), .userSession),
            (.user(id: let id, account: let account), .federatedUser):
            account == principal.account && id == principal.entityID
        default: false
        }
    }

    private static func isRevoked(_ entity: Entity, _ issuedAt: Timestamp?) -> Bool {
        guard let issuedAt, let revokedAt = entity.sessionsRevokedAt else { return false }
        return issuedAt < revokedAt
    }

    /// The user or role of that id, where it is there and its account is not disabled.
    private func entity(_ id: String, _ kind: EntityKind, in account: AccountID) async throws -> Entity? {
        guard let principal = try await principals.principal(id: id), !principal.isAccountDisabled,
            principal.entity.kind == kind, principal.entity.account == account
        else { return nil }
        return principal.entity
    }

    private func isDisabled(_ account: AccountID) async throws -> Bool {
        let generation = generation
        if let known = disabled.withLock({ $0[account] }), known.generation == generation { return known.isDisabled }
        let isDisabled = try await principals.store.read { sql in try PrincipalQueries.isDisabled(account, sql) }
        disabled.withLock { $0[account] = (generation, isDisabled) }
        return isDisabled
    }
}
