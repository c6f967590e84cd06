package import WeirCore

/// What AssumeRoleWithWebIdentity asks for.
package struct WebSessionRequest: Sendable {
    package var roleARN: String
    package var name: String
    package var token: WebIdentityText
    /// Nil for an hour.
    package var duration: Duration?
    package var policies = SessionPolicies()

    package init(roleARN: String, name: String, token: String) {
        self.roleARN = roleARN
        self.name = name
        self.token = WebIdentityText(token)
    }
}

/// A web identity token that has not been looked at. Its printed form reveals nothing.
package struct WebIdentityText: Sendable, CustomStringConvertible, CustomReflectable {
    let text: String

    init(_ text: String) { self.text = text }

    package var description: String { "(a web identity token)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// A role's new session that a web identity has asked for.
package struct WebSession: Sendable {
    package let role: RoleSession
    package let identity: WebIdentity
    /// Claims that the session does not keep, since a token has no room for them.
    package let droppedClaims: [String]
}

extension Sessions {
    /// Bytes of the claims that a session keeps.
    package static let mostClaimBytes = 1_024

    /// AssumeRoleWithWebIdentity: the caller has nothing but the token, and the role's trust policy alone decides.
    ///
    /// A missing role and one that does not trust the identity are refused alike; which it was stands in the refusal's facts.
    package func assumeRole(
        _ request: WebSessionRequest, in region: Region, at now: Timestamp,
        verified: (WebIdentity) -> Void = { _ in }
    ) async throws -> WebSession {
        guard RoleARN.isARN(request.roleARN) else { throw Refusal(.validation, "\(request.roleARN) is invalid") }
        guard let arn = RoleARN(request.roleARN) else { throw Self.untrusted(request.roleARN, "it is the ARN of no role") }
        // Before the role is looked up: without a token of the account's providers nothing is told of its roles.
        let identity = try await webIdentities.verify(
            request.token.text, in: arn.account, partition: partition, at: now)
        verified(identity)
        guard let role = try await roles.role(arn) else { throw Self.untrusted(request.roleARN, "there is no such role") }
        let tags = try identity.tags.following(nil)
        try decide(identity, tags, request, RoleTrust(role: role, partition: partition, region: region, now: now))
        let (claims, dropped) = Self.kept(identity.conditionKeys)
        let credentials = try await issue(
            Draft(
                kind: .webSession, account: role.entity.account, identity: role.entity.identity(partition: region.partition),
                name: request.name, duration: try Self.duration(request.duration, of: role, isChained: false),
                policies: request.policies, tags: tags, sourceIdentity: identity.sourceIdentity,
                federatedProvider: identity.providerARN, webClaims: claims, partition: region.partition),
            at: now)
        return WebSession(
            role: RoleSession(
                credentials: credentials, sourceIdentity: identity.sourceIdentity, account: role.entity.account),
            identity: identity, droppedClaims: dropped)
    }

    private func decide(
        _ identity: WebIdentity, _ tags: SessionTags, _ request: WebSessionRequest, _ trust: RoleTrust
    ) throws(Refusal) {
        let caller = Caller.webIdentity(
            identity.subject, userID: "\(identity.issuer):\(identity.audience):\(identity.subject)",
            vouchedForBy: identity.providerARN, at: trust.role.entity.account)
        var keys = identity.conditionKeys.filter { !Self.isReserved($0.key) }
        keys["aws:FederatedProvider"] = [identity.providerARN]
        let facts = RoleTrust.Facts(
            sessionName: request.name, tags: tags, sourceIdentity: identity.sourceIdentity, webKeys: keys)
        var actions = ["sts:AssumeRoleWithWebIdentity"]
        if !tags.isEmpty { actions.append("sts:TagSession") }
        if identity.sourceIdentity != nil { actions.append("sts:SetSourceIdentity") }
        for action in actions {
            let (_, decision) = trust.decide(caller, action, facts, CallerPolicies())
            guard decision.isAllowed else { throw Self.untrusted(request.roleARN, "\(action) is \(decision.word)", identity) }
        }
    }

    /// A key of the services' own, which an issuer with such a name must not fill.
    private static func isReserved(_ key: String) -> Bool {
        ["aws:", "sts:", "iam:", "ecr:", "kms:", "secretsmanager:", "weir:"].contains { key.lowercased().hasPrefix($0) }
    }

    /// The claims that later policies may ask for, as many as there is room for: those that AWS keeps come first.
    static func kept(_ keys: [String: [String]]) -> (kept: [String: [String]], dropped: [String]) {
        let first = [":sub", ":aud", ":amr", ":id"]
        let rank = { (key: String) in first.firstIndex { key.hasSuffix($0) } ?? first.count }
        var kept: [String: [String]] = [:]
        var dropped: [String] = []
        var size = 0
        for (key, values) in keys.sorted(by: { (rank($0.key), $0.key) < (rank($1.key), $1.key) }) where !isReserved(key) {
            let cost = values.map { key.utf8.count + $0.utf8.count + 4 }.total
            if size + cost <= mostClaimBytes {
                kept[key] = values
                size += cost
            } else {
                dropped.append(key)
            }
        }
        return (kept, dropped)
    }

    private static func untrusted(_ role: String, _ why: String, _ identity: WebIdentity? = nil) -> Refusal {
        var facts = ["role.arn": role, "denied.why": why]
        if let identity { facts["web_identity.subject"] = String(identity.subject.prefix(256)) }
        return Refusal(.accessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity", facts: facts)
    }
}
