package import WeirCore

/// Who may do what to a repository.
///
/// The policies of the repository and of its registry are judged as one, together with the caller's own (`Authorizer`). The
/// registry's policy covers every action, also on a repository that does not exist yet (ECR's policy scope V2).
package final class Access: Sendable {
    /// What the account's root may do whatever the registry's policy says: without it a policy could lock everybody out for ever.
    private static let rescues: Set<String> = [
        "ecr:PutRegistryPolicy", "ecr:GetRegistryPolicy", "ecr:DeleteRegistryPolicy",
    ]

    private let repositories: Repositories
    private let settings: RegistrySettings
    private let principals: any PrincipalPolicies

    package init(repositories: Repositories, settings: RegistrySettings, principals: any PrincipalPolicies) {
        self.repositories = repositories
        self.settings = settings
        self.principals = principals
    }

    /// Throws `Refusal(.accessDenied)` with ECR's sentence where the caller may not.
    package func permit(_ caller: Caller, _ demand: AccessDemand) async throws {
        switch demand.resource {
        case .repository(let name, let registry):
            try await permit(caller, demand.action, on: name, in: registry, facts: demand.facts)
        case .registry(let registry):
            try await permit(caller, demand.action, on: nil, in: registry, facts: demand.facts)
        case .own(let arn, in: let registry):
            let callers = try await principals.policies(of: caller)
            var context = PolicyContext(
                of: caller, principalTags: callers.tags, from: RequestOrigin.current, at: repositories.clock.now,
                owner: caller.account, in: registry.region)
            for (key, values) in demand.facts { context[key] += values }
            try decide(
                AuthorizationRequest(
                    caller: caller, action: demand.action, resource: arn, owner: caller.account, context: context),
                PolicyLayers(caller: callers), shown: demand.shown)
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
        var known: KnownRepository?
        if let name { known = try await repositories.known(name, in: registry) }
        var policies = (known?.policy).map { [NamedPolicy(.resource("repository policy"), $0)] } ?? []
        let isRescue = caller.isRoot && caller.account == registry.account && Self.rescues.contains(action)
        if !isRescue, let policy = try await settings.configuration(of: registry).policy {
            policies.append(NamedPolicy(.resource("registry policy"), policy))
        }
        let callers = try await principals.policies(of: caller)
        let layers = PolicyLayers(resource: policies, caller: callers)
        // Nothing is said of a root, who then needs no context either.
        if policies.isEmpty, caller.isRoot, caller.account == registry.account, caller.session == nil { return }
        var context = PolicyContext()
        if layers.readsContext {
            context = PolicyContext(
                of: caller, principalTags: callers.tags, from: RequestOrigin.current, at: repositories.clock.now,
                owner: registry.account, in: registry.region)
            context.take(resourceTags: known?.tags ?? [], of: "ecr")
            for (key, values) in facts { context[key] += values }
        }
        try decide(
            AuthorizationRequest(
                caller: caller, action: action, resource: resource, owner: registry.account, context: context), layers)
    }

    /// - Parameter shown: the resource as a denial names it; nil for its ARN.
    private func decide(_ request: AuthorizationRequest, _ layers: PolicyLayers, shown: String? = nil) throws(Refusal) {
        let decision = Authorizer.decide(request, layers)
        guard !decision.isAllowed else { return }
        let told = AuthorizationRequest(
            caller: request.caller, action: request.action, resource: shown ?? request.resource, owner: request.owner,
            isStrict: request.isStrict, context: request.context)
        throw decision.refusal(of: told, layers)
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
            of: author, from: RequestOrigin.current, at: repositories.clock.now, owner: registry.account, in: registry.region)
        let probes = [
            ("ecr:PutRegistryPolicy", "*"), ("ecr:DescribeRepositories", registry.arn("ecr", "repository/*")),
            ("ecr:BatchGetImage", registry.arn("ecr", "repository/*")),
        ]
        return probes.contains { action, resource in
            let request = AuthorizationRequest(
                caller: author, action: action, resource: resource, owner: registry.account, context: context)
            let layers = PolicyLayers(resource: [NamedPolicy(.resource("registry policy"), policy)])
            return Authorizer.decide(request, layers).verdict == .explicitDeny(.resource)
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
