package import WeirCore

/// A rule, its traffic, and the state of its upstream.
package struct RuleStatus: Sendable {
    package let rule: CacheRule
    package let traffic: RuleTraffic
    /// The state of the upstream host; nil where it was not asked since the program started.
    package let upstream: UpstreamStatus?
}

/// What an operator sees and sets beyond ECR's API.
extension CacheRules {
    /// Changes the options of a rule, all of them at once. Refuses what makes no sense for its upstream.
    package func setOptions(
        of prefix: Prefix, in registry: RegistryID, _ change: @escaping @Sendable (inout RuleOptions) throws -> Void
    ) async throws -> RuleStatus {
        let now = clock.now
        defer { cache.forget(registry) }
        let rule = try await database.write { sql in
            guard var rule = try CacheRuleTable.find(prefix, in: registry, sql) else {
                throw Refusal.cacheRuleNotFound(prefix, in: registry)
            }
            try change(&rule.options)
            if let flaw = rule.options.flaw(for: rule.kind) { throw Refusal(.invalidParameter, flaw) }
            rule.updatedAt = now
            try CacheRuleTable.update(rule, in: registry, sql)
            return rule
        }
        return status(rule, in: registry)
    }

    package func status(of prefix: Prefix, in registry: RegistryID) async throws -> RuleStatus {
        guard let rule = try await describe([prefix], in: registry).first else {
            throw Refusal.cacheRuleNotFound(prefix, in: registry)
        }
        return status(rule, in: registry)
    }

    /// Every rule of the registry, by prefix.
    package func statuses(in registry: RegistryID) async throws -> [RuleStatus] {
        try await database.read { try CacheRuleTable.all(in: registry, $0) }.map { status($0, in: registry) }
    }

    private func status(_ rule: CacheRule, in registry: RegistryID) -> RuleStatus {
        let owner = rule.owner(in: registry)
        return RuleStatus(
            rule: rule, traffic: tally.of(owner), upstream: upstream.status(owner: owner, host: rule.upstreamURL))
    }

    /// The rule that caches the registry which clients call `host`: for `?ns=HOST`, which containerd sends with every request to
    /// a mirror. Of several such rules it is the one that covers the most names, and then the first by prefix.
    package func rule(forNamespace host: String, in registry: RegistryID) async throws -> CacheRule? {
        try await rules(forNamespace: host, in: registry).first
    }

    /// The name under which the repository `name` of the registry `host` is cached here; nil where no rule covers it.
    package func repository(
        _ name: String, inNamespace host: String, of registry: RegistryID
    ) async throws -> RepositoryName? {
        try await rules(forNamespace: host, in: registry).lazy.compactMap { $0.cachedName(of: name) }.first
    }

    private func rules(forNamespace host: String, in registry: RegistryID) async throws -> [CacheRule] {
        let hosts = Self.hosts(called: host)
        return try await all(in: registry).filter { hosts.contains($0.upstreamURL.lowercased()) }
            .sorted { left, right in
                let (one, other) = ((left.upstreamPrefix ?? .root).beginning, (right.upstreamPrefix ?? .root).beginning)
                return (one.utf8.count, left.prefix.key) < (other.utf8.count, right.prefix.key)
            }
    }

    /// Docker Hub has three names.
    private static func hosts(called name: String) -> Set<String> {
        let name = name.lowercased()
        return Vendor(host: name)?.names ?? [name]
    }
}
