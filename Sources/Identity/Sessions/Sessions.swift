package import WeirCore

/// Temporary credentials, as STS makes them. `issue` is the one place where they are made: it checks the bounds that all kinds
/// share. Who may have them is asked before, by each kind's own rule.
package struct Sessions: Sendable {
    /// What sessions can be asked for: seconds.
    package static let shortest = Duration.seconds(900)
    package static let usual = Duration.seconds(3_600)
    /// Of GetSessionToken and GetFederationToken.
    package static let longest = Duration.seconds(129_600)
    package static let usualOfUsers = Duration.seconds(43_200)
    /// Sessions that a root makes, and those that another session makes, last no longer.
    package static let longestOfRoots = Duration.seconds(3_600)
    package static let longestChained = Duration.seconds(3_600)

    let tokens: SessionTokens
    let principals: Principals
    let roles: any AssumableRoles
    let webIdentities: any WebIdentities
    let partition: String
    let expected: @Sendable (Timestamp) -> Timestamp

    /// - Parameters:
    ///   - roles: finds the roles that can be assumed.
    ///   - webIdentities: verifies the tokens of OpenID Connect issuers.
    ///   - partition: of the ARNs by which policies are asked, whatever region a request is signed for.
    ///   - expected: the time that the clock should show when it shows the given one.
    package init(
        tokens: SessionTokens, principals: Principals, roles: any AssumableRoles, webIdentities: any WebIdentities,
        partition: String = "aws", expected: @escaping @Sendable (Timestamp) -> Timestamp = { $0 }
    ) {
        self.tokens = tokens
        self.principals = principals
        self.roles = roles
        self.webIdentities = webIdentities
        self.partition = partition
        self.expected = expected
    }

    /// What a new session is, without what `issue` fills in.
    struct Draft {
        var kind: TokenPrincipal.Kind
        var account: AccountID
        /// Nil for a root's.
        var identity: IAMIdentity?
        var name = ""
        var parentKeyID: String?
        var duration: Duration
        var policies = SessionPolicies()
        var tags = SessionTags()
        var sourceIdentity: String?
        var federatedProvider: String?
        var webClaims: [String: [String]] = [:]
        var isChained = false
        /// The partition of the ARNs that its caller has.
        var partition: String
    }

    /// Throws `.packedPolicyTooLarge` where policies and tags do not fit into a token.
    func issue(_ draft: Draft, at now: Timestamp) async throws -> SessionCredentials {
        try await draft.policies.check(in: draft.account, principals)
        let issued = expected(now)
        let accessKeyID = AccessKeyID.new(AccessKeyID.temporary, in: draft.account)
        let end = (issued + draft.duration).microseconds.quotient(roundedDownBy: 1_000_000)
        let session = CallerSession(
            accessKeyID: accessKeyID, issuedAt: issued, expiresAt: Timestamp(seconds: end), parentKeyID: draft.parentKeyID,
            policies: draft.policies.document.map { [$0] } ?? [], managedPolicies: draft.policies.arns, tags: draft.tags.tags,
            transitiveTagKeys: draft.tags.transitiveKeys, sourceIdentity: draft.sourceIdentity,
            federatedProvider: draft.federatedProvider, webClaims: draft.webClaims, isChained: draft.isChained)
        let bytes = SessionTokens.bytes(
            of: TokenPrincipal(
                kind: draft.kind, account: draft.account, accessKeyID: accessKeyID, entityID: draft.identity?.id ?? "",
                name: draft.name, session: session))
        let packed = try Self.packedSize(draft, of: bytes.count)
        let (token, secret) = try tokens.seal(bytes, accessKeyID: accessKeyID)
        return SessionCredentials(
            accessKeyID: accessKeyID, secretAccessKey: String(decoding: secret, as: UTF8.self), sessionToken: token,
            expiresAt: session.expiresAt, caller: Self.caller(draft, session),
            packedPolicySize: draft.policies.isEmpty && draft.tags.isEmpty ? nil : packed)
    }

    /// Per cent of what a token can hold besides the session itself.
    private static func packedSize(_ draft: Draft, of total: Int) throws -> Int {
        var writer = TokenWriter()
        writer.texts(draft.policies.document.map { [$0] } ?? [])
        writer.texts(draft.policies.arns)
        writer.texts(draft.tags.tags.flatMap { [$0.key, $0.value] })
        writer.texts(draft.tags.transitiveKeys)
        let used = writer.bytes.count
        let room = max(1, SessionTokens.maxBytes - (total - used))
        let percent = (used * 100 + room - 1) / room
        guard total <= SessionTokens.maxBytes else {
            let what = draft.policies.isEmpty ? "Packed size of session tags" : "Packed policy"
            throw Refusal(
                .packedPolicyTooLarge, "\(what) consumes \(percent)% of allotted space, please use smaller policy.")
        }
        return draft.policies.isEmpty && draft.tags.isEmpty ? 0 : percent
    }

    private static func caller(_ draft: Draft, _ session: CallerSession) -> Caller {
        switch (draft.kind, draft.identity) {
        case (.roleSession, let role?), (.webSession, let role?):
            .session(of: role, named: draft.name, in: draft.account, session: session)
        case (.federatedUser, let user):
            .federated(draft.name, by: user, in: draft.account, partition: draft.partition, session: session)
        case (_, let user?): .user(user, of: draft.account, session: session)
        case (_, nil): .root(of: draft.account, partition: draft.partition, session: session)
        }
    }
}

// MARK: Sessions of users and roots

extension Sessions {
    /// GetSessionToken: the same caller, for a while. It ends with the key that it was made with.
    ///
    /// Throws `.accessDenied` for temporary credentials.
    ///
    /// - Parameter duration: nil for the usual one. A root's is cut to an hour.
    package func sessionToken(
        for caller: Caller, accessKeyID: String, lasting duration: Duration?, in region: Region, at now: Timestamp
    ) async throws -> SessionCredentials {
        try Self.demandLongLived(caller, "GetSessionToken")
        return try await issue(
            Draft(
                kind: caller.isRoot ? .rootSession : .userSession, account: caller.account, identity: caller.identity,
                parentKeyID: accessKeyID, duration: Self.duration(duration, of: caller), partition: region.partition),
            at: now)
    }

    /// GetFederationToken: a name under which another party may do a part of what the caller may. Without a policy it may nothing
    /// of its own. The right to it is asked before.
    ///
    /// Throws `.accessDenied` for temporary credentials.
    package func federationToken(
        _ name: String, for caller: Caller, accessKeyID: String, lasting duration: Duration?, policies: SessionPolicies,
        tags: SessionTags, in region: Region, at now: Timestamp
    ) async throws -> SessionCredentials {
        try Self.demandLongLived(caller, "GetFederationToken")
        return try await issue(
            Draft(
                kind: .federatedUser, account: caller.account, identity: caller.identity, name: name, parentKeyID: accessKeyID,
                duration: Self.duration(duration, of: caller), policies: policies, tags: try tags.following(nil),
                partition: region.partition),
            at: now)
    }

    /// Throws unless the caller signed with a key of a user or root.
    package static func demandLongLived(_ caller: Caller, _ operation: String) throws(Refusal) {
        guard caller.session == nil else {
            throw Refusal(.accessDenied, "Cannot call \(operation) with session credentials")
        }
    }

    private static func duration(_ asked: Duration?, of caller: Caller) -> Duration {
        min(asked ?? usualOfUsers, caller.isRoot ? longestOfRoots : longest)
    }
}
