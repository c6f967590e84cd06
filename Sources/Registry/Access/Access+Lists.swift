package import WeirCore

/// Lists of repositories: a caller sees those that it may describe.
extension Access {
    private static let action = "ecr:DescribeRepositories"
    /// Repositories that are looked at in one statement of the database.
    private static let step = 1_000

    /// A list may be asked for by a caller who may describe all repositories, or some of them.
    func permitList(
        _ caller: Caller, _ demand: AccessDemand, in registry: RegistryID
    ) async throws -> AuthorizationDecision.Decider? {
        let sight = try await sight(of: caller, in: registry)
        guard let (request, layers) = try self.request(caller, demand, on: nil, nil, sight.own, sight.callers, in: registry)
        else {
            return nil
        }
        let decision = Authorizer.decide(request, layers)
        if decision.isAllowed { return decision.decider }
        // Which repositories there are decides nothing for a caller of whom no policy speaks.
        let isUnknown = layers.resource.isEmpty && layers.caller.identity.isEmpty && caller.account == registry.account
        guard !isUnknown, try await !page(sight, after: nil, limit: 1).items.isEmpty else {
            return try carryOut(request, layers)
        }
        return nil
    }

    /// A page of the repositories that the caller may describe, by name.
    package func repositories(
        visibleTo caller: Caller, in registry: RegistryID, after name: String?, limit: Int
    ) async throws -> Page<Repository> {
        try await page(try await sight(of: caller, in: registry), after: name, limit: limit)
    }

    private struct Sight {
        let caller: Caller
        let registry: RegistryID
        let own: StoredPolicy?
        let callers: CallerPolicies
    }

    private func sight(of caller: Caller, in registry: RegistryID) async throws -> Sight {
        Sight(
            caller: caller, registry: registry, own: try await registryPolicy(of: registry, for: caller, Self.action),
            callers: try await policies(of: caller))
    }

    private func page(_ sight: Sight, after name: String?, limit: Int) async throws -> Page<Repository> {
        var (place, found) = (name, [Repository]())
        while true {
            let size = min(Self.step, max(limit + 1, found.isEmpty ? 0 : Self.step))
            let rows = try await repositories.rows(in: sight.registry, after: place, limit: size)
            for row in rows where try await isVisible(row, to: sight) {
                found.append(row.repository)
                if found.count > limit { return Page(found, limit: limit) { $0.name.description } }
            }
            guard rows.count == size, let last = rows.last else { return Page(found, limit: limit) { $0.name.description } }
            place = last.repository.name.description
        }
    }

    private func isVisible(_ row: RepositoryTable.Row, to sight: Sight) async throws -> Bool {
        let name = row.repository.name
        var facts = Facts(policy: row.policy.map { StoredPolicy($0, pins: row.pins) }, tags: [])
        let demand = AccessDemand(Self.action, on: .repository(name, in: sight.registry))
        do throws(Refusal) {
            guard
                let (request, layers) = try request(
                    sight.caller, demand, on: name, facts, sight.own, sight.callers, in: sight.registry)
            else { return true }
            guard layers.readsContext else { return allows(request, layers) }
        } catch { return false }
        // Conditions may ask for the repository's tags.
        facts.tags = try await repositories.known(name, in: sight.registry)?.tags ?? []
        guard
            let (request, layers) = try request(
                sight.caller, demand, on: name, facts, sight.own, sight.callers, in: sight.registry)
        else { return true }
        return allows(request, layers)
    }
}
