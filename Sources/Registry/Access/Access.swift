import Logging
package import WeirCore
package import WeirVault

/// Who may do what: gathers the policies that decide a demand, and carries out what `Authorizer` says.
///
/// The policies of a repository and of its registry are judged as one, together with the caller's own. The registry's policy
/// covers every action, also on a repository that does not exist yet (ECR's policy scope V2). For keys and secrets, their rooms
/// gather what they have to say (`KeyAccess`, `SecretAccess`).
package final class Access: Sendable {
    /// What the account's root may do whatever the registry's policy says: without it a policy could lock everybody out for ever.
    private static let rescues: Set<String> = [
        "ecr:PutRegistryPolicy", "ecr:GetRegistryPolicy", "ecr:DeleteRegistryPolicy",
    ]

    let repositories: Repositories
    private let registries: RegistrySettings
    private let principals: any PrincipalPolicies
    let keys: KeyAccess
    let secrets: SecretAccess
    package let settings: AuthorizationSettings

    package init(
        repositories: Repositories, registries: RegistrySettings, principals: any PrincipalPolicies, keys: KeyAccess,
        secrets: SecretAccess, settings: AuthorizationSettings
    ) {
        self.repositories = repositories
        self.registries = registries
        self.principals = principals
        self.keys = keys
        self.secrets = secrets
        self.settings = settings
    }

    /// The statement that allowed; nil for what a root may do without a policy.
    ///
    /// Throws `Refusal(.accessDenied)` with AWS's sentence where the caller may not.
    @discardableResult
    package func permit(_ caller: Caller, _ demand: AccessDemand) async throws -> AuthorizationDecision.Decider? {
        switch demand.resource {
        case .repository(let name, let registry):
            return try await permit(caller, demand, on: name, in: registry)
        case .registry(let registry):
            return try await permit(caller, demand, on: nil, in: registry)
        case .repositories(let registry):
            return try await permitList(caller, demand, in: registry)
        case .own(let arn, in: let registry):
            let callers = try await policies(of: caller)
            // Nothing is said of a root, who then needs no context either.
            if caller.isRoot, callers.session == nil { return nil }
            let context = context(of: caller, demand, callers, owner: caller.account, in: registry)
            return try carryOut(
                AuthorizationRequest(
                    caller: caller, action: demand.action, resource: arn, owner: caller.account, context: context),
                PolicyLayers(caller: callers), shown: demand.shown)
        case .key(let key):
            let callers = try await policies(of: caller)
            let context = context(of: caller, demand, callers, owner: key.registry.account, in: key.registry)
            let (request, layers) = try await keys.gather(caller, demand.action, key, context: context, callers: callers)
            return try carryOut(request, layers, shown: demand.shown ?? KeyAccess.shown(key))
        case .secret(let name, in: let registry):
            return try await permit(caller, demand, onSecret: name, in: registry)
        }
    }

    /// Throws `Refusal(.accessDenied)` with ECR's sentence where the caller may not.
    ///
    /// - Parameters:
    ///   - action: with its service, `ecr:BatchGetImage`.
    ///   - name: the repository it is done to, which need not exist; nil for an action on the registry.
    package func permit(
        _ caller: Caller, _ action: String, on name: RepositoryName?, in registry: RegistryID
    ) async throws {
        try await permit(
            caller, AccessDemand(action, on: name.map { .repository($0, in: registry) } ?? .registry(registry)), on: name,
            in: registry)
    }

    @discardableResult
    private func permit(
        _ caller: Caller, _ demand: AccessDemand, on name: RepositoryName?, in registry: RegistryID
    ) async throws -> AuthorizationDecision.Decider? {
        var known: KnownRepository?
        if let name { known = try await repositories.known(name, in: registry) }
        let own = try await registryPolicy(of: registry, for: caller, demand.action)
        // Before the caller's own side is gathered: a root's pull needs nothing of it.
        if isUnlimited(caller, known?.facts, own, in: registry) { return nil }
        let callers = try await policies(of: caller)
        guard let (request, layers) = try request(caller, demand, on: name, known?.facts, own, callers, in: registry) else {
            return nil
        }
        return try carryOut(request, layers)
    }

    /// True for the registry's own root where no policy speaks of it.
    private func isUnlimited(_ caller: Caller, _ known: Facts?, _ own: StoredPolicy?, in registry: RegistryID) -> Bool {
        caller.isRoot && caller.account == registry.account && known?.policy == nil && own == nil && caller.session == nil
    }

    /// What is known of a repository, as far as rights depend on it.
    struct Facts {
        var policy: StoredPolicy?
        var tags: [ResourceTag]
    }

    /// The request and its policies; nil where nothing is said of a root, who then needs no context either.
    func request(
        _ caller: Caller, _ demand: AccessDemand, on name: RepositoryName?, _ known: Facts?, _ own: StoredPolicy?,
        _ callers: CallerPolicies, in registry: RegistryID
    ) throws(Refusal) -> (AuthorizationRequest, PolicyLayers)? {
        if isUnlimited(caller, known, own, in: registry) { return nil }
        let layers = try layers(caller, known, own, callers, in: registry)
        var context = PolicyContext()
        if layers.readsContext {
            context = self.context(of: caller, demand, callers, owner: registry.account, in: registry)
            context.take(resourceTags: known?.tags ?? [], of: "ecr")
        }
        return (
            AuthorizationRequest(
                caller: caller, action: demand.action, resource: resource(of: demand, name, in: registry),
                owner: registry.account, context: context), layers
        )
    }

    /// The policies of a repository and its registry, beside the caller's own.
    ///
    /// Throws `.accessDenied` where one of them cannot be read: a Deny might be lost with it. The root can still replace it.
    func layers(
        _ caller: Caller, _ known: Facts?, _ own: StoredPolicy?, _ callers: CallerPolicies, in registry: RegistryID
    ) throws(Refusal) -> PolicyLayers {
        var layers = PolicyLayers(caller: callers)
        for (name, stored) in [("repository policy", known?.policy), ("registry policy", own)] {
            switch stored {
            case nil: continue
            case .document(let document)?: layers.resource.append(NamedPolicy(.resource(name), document))
            case .unreadable?:
                guard caller.isRoot, caller.account == registry.account else {
                    throw Refusal(
                        .accessDenied, "The \(name) of \(resource(nil, in: registry)) cannot be read: nothing is allowed.")
                }
            }
        }
        return layers
    }

    /// The ARN that a demand on a registry or a repository is decided on.
    func resource(of demand: AccessDemand, _ name: RepositoryName?, in registry: RegistryID) -> String {
        if case .repositories = demand.resource { return registry.arn("ecr", "repository/*") }
        return resource(name, in: registry)
    }

    func registryPolicy(of registry: RegistryID, for caller: Caller, _ action: String) async throws -> StoredPolicy? {
        let isRescue = caller.isRoot && caller.account == registry.account && Self.rescues.contains(action)
        return isRescue ? nil : try await registries.configuration(of: registry).policy
    }

    /// The caller's own side. A part of this server has the rights that its service-linked role has in AWS.
    func policies(of caller: Caller) async throws -> CallerPolicies {
        if case .service = caller.kind { return CallerPolicies(identity: Self.service) }
        return try await principals.policies(of: caller)
    }

    private static let service: [NamedPolicy] =
        (try? PolicyDocument(
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}"#, as: .identity))
        .map { [NamedPolicy(.managed("arn:aws:iam::aws:policy/aws-service-role/AWSECRPullThroughCache_ServiceRolePolicy"), $0)] }
        ?? []

    // MARK: - Deciding

    /// - Returns: the statement that allowed.
    ///
    /// - Parameter shown: the resource as a denial names it; nil for its ARN.
    func carryOut(
        _ request: AuthorizationRequest, _ layers: PolicyLayers, shown: String? = nil
    ) throws(Refusal) -> AuthorizationDecision.Decider? {
        let decision = Authorizer.decide(request, layers)
        guard !decision.isAllowed else { return decision.decider }
        let told = AuthorizationRequest(
            caller: request.caller, action: request.action, resource: shown ?? request.resource, owner: request.owner,
            isStrict: request.isStrict, context: request.context)
        var refusal = decision.refusal(of: told, layers)
        refusal.facts["weir.policy"] = decision.decider?.policy.text
        refusal.facts["weir.sid"] = decision.decider.map { $0.sid ?? "\($0.index + 1)" }
        guard settings.isSoft, request.caller.kind != .anonymous else { throw refusal }
        Logger.current.warning(
            "Would be denied, and is allowed by the setting iam=soft",
            metadata: ["error.message": "\(refusal.message)", "caller": "\(request.caller.principalARN)"])
        return nil
    }

    /// True where the caller may, told without a refusal or a line in the log.
    func allows(_ request: AuthorizationRequest, _ layers: PolicyLayers) -> Bool {
        settings.isSoft && request.caller.kind != .anonymous || Authorizer.decide(request, layers).isAllowed
    }

    private func permit(
        _ caller: Caller, _ demand: AccessDemand, onSecret name: String, in registry: RegistryID
    ) async throws -> AuthorizationDecision.Decider? {
        let callers = try await policies(of: caller)
        let context = context(of: caller, demand, callers, owner: registry.account, in: registry)
        let (request, layers, secret) = try await secrets.gather(
            caller, demand.action, on: name, in: registry, context: context, callers: callers)
        // As it was named, so that a denial tells nothing of what there is.
        let decider = try carryOut(request, layers, shown: demand.shown ?? name)
        // With a key of the customer's, the caller needs that key too.
        if let secret, let key = secret.kmsKey, !key.hasSuffix("alias/aws/secretsmanager") {
            for action in Self.keyActions[demand.action] ?? [] {
                var use = KeyDemand(.named(key), in: registry)
                use.context = ["SecretARN": secret.arn]
                try await permit(caller, AccessDemand(action, on: .key(use), via: "secretsmanager"))
            }
        }
        return decider
    }

    /// What Secrets Manager does with a secret's key in the caller's name.
    private static let keyActions = [
        "secretsmanager:GetSecretValue": ["kms:Decrypt"],
        "secretsmanager:PutSecretValue": ["kms:GenerateDataKey", "kms:Decrypt"],
        "secretsmanager:UpdateSecret": ["kms:GenerateDataKey", "kms:Decrypt"],
    ]

    func resource(_ name: RepositoryName?, in registry: RegistryID) -> String {
        name.map { registry.arn("ecr", "repository/\($0)") } ?? "*"
    }
}
