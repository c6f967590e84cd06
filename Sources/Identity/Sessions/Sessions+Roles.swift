package import WeirCore

/// What AssumeRole asks for.
package struct RoleSessionRequest: Sendable {
    package var roleARN: String
    package var name: String
    /// Nil for an hour.
    package var duration: Duration?
    package var policies = SessionPolicies()
    package var tags = SessionTags()
    package var externalID: String?
    package var sourceIdentity: String?

    package init(roleARN: String, name: String) {
        self.roleARN = roleARN
        self.name = name
    }
}

/// A role's new session.
package struct RoleSession: Sendable {
    package let credentials: SessionCredentials
    /// Nil where none was set, here or before.
    package let sourceIdentity: String?
    /// The account of the role.
    package let account: AccountID
}

extension Sessions {
    /// AssumeRole. The refusal is the same whether the role is missing or its policies forbid it: only its facts, which are for
    /// the log, tell which.
    package func assumeRole(
        _ request: RoleSessionRequest, by caller: Caller, in region: Region, at now: Timestamp
    ) async throws -> RoleSession {
        guard RoleARN.isARN(request.roleARN) else { throw Refusal(.validation, "\(request.roleARN) is invalid") }
        let tags = try request.tags.following(caller.session)
        guard !caller.isRoot else { throw Refusal(.accessDenied, "Roles may not be assumed by root accounts.") }
        guard let arn = RoleARN(request.roleARN), let role = try await roles.role(arn) else {
            throw Self.denied(caller, "sts:AssumeRole", request.roleARN, "there is no such role")
        }
        let inherited = caller.session?.sourceIdentity
        let source = request.sourceIdentity ?? inherited
        let trust = RoleTrust(role: role, partition: partition, region: region, now: now)
        let facts = RoleTrust.Facts(
            externalID: request.externalID, sessionName: request.name, tags: request.tags, sourceIdentity: source)
        let own = try await principals.policies(of: caller)
        var actions = ["sts:AssumeRole"]
        if !tags.isEmpty { actions.append("sts:TagSession") }
        if source != nil { actions.append("sts:SetSourceIdentity") }
        for action in actions {
            let (_, decision) = trust.decide(caller, action, facts, own)
            guard decision.isAllowed else { throw Self.denied(caller, action, request.roleARN, decision.word) }
        }
        guard inherited == nil || source == inherited else {
            throw Self.denied(
                caller, "sts:SetSourceIdentity", request.roleARN, "the calling session has another source identity")
        }
        let duration = try Self.duration(request.duration, of: role, isChained: caller.session != nil)
        let credentials = try await issue(
            Draft(
                kind: .roleSession, account: role.entity.account, identity: role.entity.identity(partition: region.partition),
                name: request.name, duration: duration, policies: request.policies, tags: tags, sourceIdentity: source,
                isChained: caller.session != nil, partition: region.partition),
            at: now)
        return RoleSession(credentials: credentials, sourceIdentity: source, account: role.entity.account)
    }

    static func duration(_ asked: Duration?, of role: AssumableRole, isChained: Bool) throws(Refusal) -> Duration {
        let duration = asked ?? usual
        guard !isChained || duration <= longestChained else {
            throw Refusal(
                .validation,
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
        }
        guard duration <= role.maxDuration else {
            throw Refusal(.validation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
        }
        return duration
    }

    private static func denied(_ caller: Caller, _ action: String, _ role: String, _ why: String) -> Refusal {
        Refusal(
            .accessDenied, "User: \(caller.principalARN) is not authorized to perform: \(action) on resource: \(role)",
            facts: ["role.arn": role, "denied.why": why])
    }
}
