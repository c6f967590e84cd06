package import WeirCore

/// Who may do what to a repository.
///
/// | caller | no policy says anything | a policy allows | a policy denies |
/// | --- | --- | --- | --- |
/// | the registry's own account | allowed | allowed | denied |
/// | a user of that account | denied | allowed, if it names them or everyone | denied |
/// | another account | denied | allowed | denied |
///
/// The policies are the registry's and the repository's, judged as one: any Deny wins, then any Allow. The registry's policy
/// covers every action, also on a repository that does not exist yet (ECR's policy scope V2). `permit(_:byIdentity:)` is the
/// place for identities' policies. There are none yet, and no user of an account can sign in but its root.
package final class Access: Sendable {
    /// What the account's root may do whatever the registry's policy says: without it a policy could lock everybody out for ever.
    private static let rescues: Set<String> = [
        "ecr:PutRegistryPolicy", "ecr:GetRegistryPolicy", "ecr:DeleteRegistryPolicy",
    ]

    private let repositories: Repositories
    private let settings: RegistrySettings

    package init(repositories: Repositories, settings: RegistrySettings) {
        self.repositories = repositories
        self.settings = settings
    }

    /// Throws `Refusal(.accessDenied)` with ECR's sentence where the caller may not.
    package func permit(_ caller: Caller, _ demand: AccessDemand) async throws {
        switch demand.resource {
        case .repository(let name, let registry):
            try await permit(caller, demand.action, on: name, in: registry, facts: demand.facts)
        case .registry(let registry):
            try await permit(caller, demand.action, on: nil, in: registry, facts: demand.facts)
        case .own(let arn):
            try permit(caller, byIdentity: Denial(caller: caller, action: demand.action, resource: arn))
        }
    }

    /// Throws `Refusal(.accessDenied)` with ECR's sentence where the caller may not.
    ///
    /// - Parameters:
    ///   - action: with its service, `ecr:BatchGetImage`.
    ///   - name: the repository it is done to, which need not exist; nil for an action on the registry.
    ///   - facts: condition keys that only this action has, such as `ecr:AccountSetting`.
    package func permit(
        _ caller: Caller, _ action: String, on name: RepositoryName?, in registry: RegistryID,
        facts: [String: [String]] = [:]
    ) async throws {
        let resource = resource(name, in: registry)
        let denied = Denial(caller: caller, action: action, resource: resource)
        var known: KnownRepository?
        if let name { known = try await repositories.known(name, in: registry) }
        var policies = [known?.policy].compactMap { $0 }
        let isRescue = caller.isRoot && caller.account == registry.account && Self.rescues.contains(action)
        if !isRescue, let policy = try await settings.configuration(of: registry).policy { policies.append(policy) }
        guard !policies.isEmpty else { return try decide(.silent, caller, registry, denied) }
        var context = PolicyContext()
        if policies.contains(where: \.readsContext) {
            context = PolicyContext(
                of: caller, from: RequestOrigin.current, at: repositories.clock.now, in: registry,
                tags: known?.tags ?? [])
            for (key, values) in facts { context[key] += values }
        }
        let request = PolicyRequest(caller: caller, action: action, resource: resource, context: context)
        try decide(policies.decision(on: request), caller, registry, denied)
    }

    private func decide(
        _ decision: PolicyDecision, _ caller: Caller, _ registry: RegistryID, _ denied: Denial
    ) throws(Refusal) {
        let isHome = caller.account == registry.account
        switch decision {
        case .allowed: return
        case .denied: throw denied.explicitly
        case .delegated, .silent:
            if isHome { return try permit(caller, byIdentity: denied) }
            // An account's root is the account, so nothing is only delegated to it. A user of another account also needs that
            // account's own policies.
            guard decision == .delegated else { throw denied.byResourcePolicies }
            try permit(caller, byIdentity: denied)
        }
    }

    /// Decides by the caller's own policies. An account's root needs none.
    private func permit(_ caller: Caller, byIdentity denied: Denial) throws(Refusal) {
        guard caller.isRoot else { throw denied.byIdentityPolicies }
    }

    private func resource(_ name: RepositoryName?, in registry: RegistryID) -> String {
        name.map { registry.arn("ecr", "repository/\($0)") } ?? "*"
    }
}

extension Access {
    /// Whether a registry's policy denies its author the registry itself, or the images of every repository in it. Until the
    /// account's root replaces or deletes such a policy, it can do nothing else.
    package func shutsOut(_ author: Caller, by policy: PolicyDocument, of registry: RegistryID) -> Bool {
        let context = PolicyContext(
            of: author, from: RequestOrigin.current, at: repositories.clock.now, in: registry, tags: [])
        let probes = [
            ("ecr:PutRegistryPolicy", "*"), ("ecr:DescribeRepositories", registry.arn("ecr", "repository/*")),
            ("ecr:BatchGetImage", registry.arn("ecr", "repository/*")),
        ]
        return probes.contains { action, resource in
            let request = PolicyRequest(caller: author, action: action, resource: resource, context: context)
            return policy.decision(on: request) == .denied
        }
    }

    /// The condition keys of a request that gives a resource tags.
    package static func facts(giving tags: [ResourceTag]) -> [String: [String]] {
        tags.reduce(into: facts(naming: tags.map(\.key))) { facts, tag in
            // Keys that differ in case alone are one condition key: a policy sees the values of both.
            facts["aws:requesttag/\(tag.key.lowercased())", default: []].append(tag.value)
        }
    }

    /// The condition keys of a request that takes tags away: the tags' keys alone.
    package static func facts(naming keys: [String]) -> [String: [String]] { ["aws:TagKeys": keys] }
}

/// ECR's sentence for a denied request, with its three endings.
private struct Denial {
    let caller: Caller
    let action: String
    let resource: String

    var explicitly: Refusal { refusal("with an explicit deny in a resource-based policy", "a policy denies it") }
    var byResourcePolicies: Refusal {
        refusal("because no resource-based policy allows the \(action) action", "no policy of the registry's allows it")
    }
    var byIdentityPolicies: Refusal {
        refusal("because no identity-based policy allows the \(action) action", "no policy of its own allows it")
    }

    private func refusal(_ ending: String, _ why: String) -> Refusal {
        Refusal(
            .accessDenied,
            "User: \(caller.principalARN) is not authorized to perform: \(action) on resource: \(resource) \(ending)",
            brief: "\(caller.principalARN) is not authorized to perform: \(action) here: \(why)")
    }
}

extension PolicyContext {
    /// The condition keys that a request to ECR has.
    init(
        of caller: Caller, from origin: RequestOrigin, at now: Timestamp, in registry: RegistryID, tags: [ResourceTag]
    ) {
        self.init()
        self["aws:PrincipalArn"] = [caller.principalARN]
        self["aws:PrincipalAccount"] = [caller.account.description]
        self["aws:PrincipalType"] = [caller.isRoot ? "Account" : "User"]
        self["aws:userid"] = [caller.userID]
        // Requests here are signed with a person's or a machine's key, never by a service of AWS on behalf of one.
        self["aws:PrincipalIsAWSService"] = ["false"]
        self["aws:ViaAWSService"] = ["false"]
        self["aws:ResourceAccount"] = [registry.account.description]
        self["aws:RequestedRegion"] = [registry.region.description]
        self["aws:EpochTime"] = [String(now.microseconds / 1_000_000)]
        self["aws:CurrentTime"] = [String(now.microseconds / 1_000_000)]
        if let address = origin.address { self["aws:SourceIp"] = [address] }
        if let isSecure = origin.isSecure { self["aws:SecureTransport"] = [isSecure ? "true" : "false"] }
        if let userAgent = origin.userAgent { self["aws:UserAgent"] = [userAgent] }
        for tag in tags {
            self["aws:ResourceTag/\(tag.key)"] = [tag.value]
            self["ecr:ResourceTag/\(tag.key)"] = [tag.value]
        }
    }
}
