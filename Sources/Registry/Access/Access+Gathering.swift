package import WeirCore
import WeirVault

extension Access {
    /// The request and the policies that decide a demand, as `permit` has them, and nothing is decided: for those who explain it.
    ///
    /// - Parameter given: condition keys that stand in place of those of this moment.
    package func gather(
        _ caller: Caller, _ demand: AccessDemand, given: [String: [String]] = [:]
    ) async throws -> (request: AuthorizationRequest, layers: PolicyLayers) {
        let callers = try await policies(of: caller)
        func filled(_ owner: AccountID, _ registry: RegistryID, _ tags: [ResourceTag] = []) -> PolicyContext {
            var context = self.context(of: caller, demand, callers, owner: owner, in: registry)
            if !tags.isEmpty { context.take(resourceTags: tags, of: "ecr") }
            for (key, values) in given { context[key] = values }
            return context
        }
        switch demand.resource {
        case .repository(let name, let home):
            let known = try await repositories.known(name, in: home)
            let context = filled(home.account, home, known?.tags ?? [])
            return try await ofRegistry(caller, demand, on: name, known?.facts, callers, in: home, context)
        case .registry(let home), .repositories(in: let home):
            return try await ofRegistry(caller, demand, on: nil, nil, callers, in: home, filled(home.account, home))
        case .own(let arn, in: let home):
            return (
                AuthorizationRequest(
                    caller: caller, action: demand.action, resource: arn, owner: caller.account,
                    context: filled(caller.account, home)), PolicyLayers(caller: callers)
            )
        case .key(let key):
            return try await keys.gather(
                caller, demand.action, key, context: filled(key.registry.account, key.registry), callers: callers)
        case .secret(let name, in: let home):
            let found = try await secrets.gather(
                caller, demand.action, on: name, in: home, context: filled(home.account, home), callers: callers)
            return (found.request, found.layers)
        }
    }

    private func ofRegistry(
        _ caller: Caller, _ demand: AccessDemand, on name: RepositoryName?, _ known: Facts?, _ callers: CallerPolicies,
        in home: RegistryID, _ context: PolicyContext
    ) async throws -> (request: AuthorizationRequest, layers: PolicyLayers) {
        let own = try await registryPolicy(of: home, for: caller, demand.action)
        return (
            AuthorizationRequest(
                caller: caller, action: demand.action, resource: resource(of: demand, name, in: home), owner: home.account,
                context: context), try layers(caller, known, own, callers, in: home)
        )
    }
}
