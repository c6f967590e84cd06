import WeirCore

/// Looks for users and roles that can give themselves more rights than they have. Pure: it asks `Authorizer` about requests that
/// they could make.
struct EscalationCheck: Sendable {
    /// A user or role with its side of every decision.
    struct Subject: Sendable {
        let record: EntityRecord
        let caller: Caller
        let policies: CallerPolicies

        var place: String { "\(record.entity.kind.rawValue)/\(record.entity.name)" }
    }

    /// A role that has all rights, with its trust policy.
    struct Administrator: Sendable {
        let entity: Entity
        let trust: PolicyDocument?
    }

    let account: AccountID
    let region: Region
    let now: Timestamp
    /// It is the server's own account, whose callers may reach others.
    let isHome: Bool
    /// The ARNs of the account's managed policies that are somebody's boundary.
    let boundaries: [String]
    /// At most so many are tried as targets.
    let administrators: [Administrator]

    /// A name that nothing bears: a right on it is a right on all.
    private static let anyName = "weir-check-any"

    private var partition: String { region.partition }

    // MARK: One principal

    /// All rights: also those of which nobody has thought.
    func isAdministrator(_ subject: Subject) -> Bool {
        allows(subject, "weir-check:Anything", "arn:\(partition):weir-check:::\(Self.anyName)")
            && allows(subject, "iam:CreateUser", arn(.user))
    }

    func findings(about subject: Subject) -> [AccountFinding] {
        guard !isAdministrator(subject) else { return [] }
        return escalations(of: subject) + assumable(by: subject) + boundaryFindings(about: subject) + denials(of: subject)
    }

    private func escalations(of subject: Subject) -> [AccountFinding] {
        EscalationPath.allCases.compactMap { path in
            if path == .createRootKey, !isHome { return nil }
            let targets = targets(of: path, for: subject)
            guard let found = targets.first(where: { allows(subject, path.action, $0, path.context) }) else { return nil }
            return AccountFinding(
                .escalation, at: subject.place, "\(path.action) on \(shown(found)): it \(path.sentence)")
        }
    }

    private func targets(of path: EscalationPath, for subject: Subject) -> [String] {
        let own = subject.record.entity
        let itself = path.sparesItself ? [] : [own.arn(partition: partition)]
        switch path.target {
        case .policy: return [arn(.policy)] + subject.record.attached.filter { PolicyARN($0)?.account == account }
        case .user: return [arn(.user)] + (own.kind == .user ? itself : []) + arns(of: .user)
        case .role: return [arn(.role)] + (own.kind == .role ? itself : []) + arns(of: .role)
        case .group:
            let groups = subject.record.groups.map { "arn:\(partition):iam::\(account):group/\($0)" }
            // To be put into a group that it is in already is nothing.
            return [arn(.group)] + (path == .addUserToGroup ? [] : groups)
        case .provider: return [arn(.oidcProvider)]
        case .key: return ["arn:\(partition):kms:\(region):\(account):key/\(Self.anyName)"]
        case .account: return ["arn:\(partition):iam::000000000000:root"]
        }
    }

    private func arns(of kind: EntityKind) -> [String] {
        administrators.filter { $0.entity.kind == kind }.map { $0.entity.arn(partition: partition) }
    }

    /// Administrators' roles that trust the principal, or its account and with it whom the account's policies let.
    private func assumable(by subject: Subject) -> [AccountFinding] {
        administrators.compactMap { administrator in
            guard administrator.entity.kind == .role, let trust = administrator.trust else { return nil }
            let arn = administrator.entity.arn(partition: partition)
            let layers = PolicyLayers(
                resource: [NamedPolicy(.resource("role trust policy"), trust)], caller: subject.policies)
            guard Authorizer.decide(request(subject, "sts:AssumeRole", arn, [:], isStrict: true), layers).isAllowed else {
                return nil
            }
            return AccountFinding(
                .escalation, at: subject.place, "sts:AssumeRole on \(arn): it can become that role, which has all rights")
        }
    }

    private func boundaryFindings(about subject: Subject) -> [AccountFinding] {
        let entity = subject.record.entity
        var found = boundaries.filter { allows(subject, "iam:CreatePolicyVersion", $0) }.map { boundary in
            AccountFinding(
                .writableBoundary, at: subject.place,
                "iam:CreatePolicyVersion on \(boundary), which is \(boundary == entity.boundary ? "its own boundary" : "a boundary")"
            )
        }
        guard entity.boundary != nil else { return found }
        let kind = entity.kind == .user ? "User" : "Role"
        for action in ["iam:Delete\(kind)PermissionsBoundary", "iam:Put\(kind)PermissionsBoundary"]
        where allows(subject, action, entity.arn(partition: partition)) {
            found.append(
                AccountFinding(.writableBoundary, at: subject.place, "\(action) on itself: it can take its boundary off"))
        }
        let repository = "arn:\(partition):ecr:\(region):\(account):repository/\(Self.anyName)"
        let secret = "arn:\(partition):secretsmanager:\(region):\(account):secret:\(Self.anyName)"
        for (action, resource) in [
            ("ecr:SetRepositoryPolicy", repository), ("ecr:PutRegistryPolicy", "*"), ("secretsmanager:PutResourcePolicy", secret),
        ] where allows(subject, action, resource) {
            found.append(
                AccountFinding(
                    .boundaryPassed, at: subject.place,
                    "\(action): a policy that names it allows what its boundary does not; only a Deny in the boundary stops that")
            )
        }
        return found
    }

    private func denials(of subject: Subject) -> [AccountFinding] {
        let own = subject.policies.identity + (subject.policies.boundary ?? [])
        guard own.contains(where: { $0.document.statements.contains { $0.effect == .deny } }) else { return [] }
        let kind = subject.record.entity.kind == .user ? "User" : "Role"
        let arn = subject.record.entity.arn(partition: partition)
        return ["iam:Detach\(kind)Policy", "iam:Delete\(kind)Policy"].filter { allows(subject, $0, arn) }.map { action in
            AccountFinding(
                .removableDeny, at: subject.place, "\(action) on itself: it can remove the policy that denies it something")
        }
    }

    /// An administrator's role that its whole account, or everyone, may assume.
    func openFinding(about administrator: Administrator) -> AccountFinding? {
        guard let trust = administrator.trust, administrator.entity.kind == .role else { return nil }
        // A user that does not exist: only a statement about all of the account fits it.
        let anyone = Caller.user(
            IAMIdentity(id: "AIDAWEIRCHECKANYONE22", arn: arn(.user), name: Self.anyName), of: account)
        let context = PolicyContext(of: anyone, from: RequestOrigin.current, at: now, owner: account, in: region)
        let request = AuthorizationRequest(
            caller: anyone, action: "sts:AssumeRole", resource: administrator.entity.arn(partition: partition), owner: account,
            isStrict: true, context: context)
        let who: String
        switch trust.answer(to: request) {
        case .allows(let match) where match >= .everyone: who = "everyone"
        case .allows: who = "everyone in the account whose policies allow sts:AssumeRole on it"
        case .denies, .isSilent: return nil
        }
        return AccountFinding(
            .openAdministrator, at: "role/\(administrator.entity.name)", "It has all rights, and \(who) may assume it")
    }

    // MARK: Asking

    private func arn(_ kind: EntityKind) -> String { "arn:\(partition):iam::\(account):\(kind.rawValue)/\(Self.anyName)" }

    private func shown(_ arn: String) -> String { arn.contains(Self.anyName) ? "any resource" : arn }

    private func request(
        _ subject: Subject, _ action: String, _ resource: String, _ given: [String: [String]], isStrict: Bool = false
    ) -> AuthorizationRequest {
        var context = PolicyContext(
            of: subject.caller, principalTags: subject.policies.tags, from: RequestOrigin.current, at: now, owner: account,
            in: region)
        for (key, values) in given { context[key] = values }
        return AuthorizationRequest(
            caller: subject.caller, action: action, resource: resource, owner: account, isStrict: isStrict, context: context)
    }

    private func allows(_ subject: Subject, _ action: String, _ resource: String, _ given: [String: [String]] = [:]) -> Bool {
        Authorizer.decide(request(subject, action, resource, given), PolicyLayers(caller: subject.policies)).isAllowed
    }
}
