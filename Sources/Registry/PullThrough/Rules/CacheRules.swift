package import WeirCore
package import WeirVault

/// The pull through cache rules of all registries. A registry's rules stay in memory until one of them changes.
package final class CacheRules: Sendable {
    private static let remembered = 1_000

    let database: any SQLDatabase
    private let secrets: Secrets
    let upstream: any UpstreamRegistry
    private let policy: UpstreamPolicy
    let clock: WallClock
    let tally = RuleTally()
    /// Each registry's rules, the longest prefix first and `ROOT` last: the first rule that covers a name is the one that counts.
    let cache = HotCache<RegistryID, [CacheRule]>(capacity: remembered)

    package init(
        database: any SQLDatabase, secrets: Secrets, upstream: any UpstreamRegistry,
        policy: UpstreamPolicy = UpstreamPolicy(), clock: WallClock
    ) {
        self.database = database
        self.secrets = secrets
        self.upstream = upstream
        self.policy = policy
        self.clock = clock
    }

    /// Makes a rule. Checks that its secret exists, and not what it holds: ECR does the same, and users rely on that order.
    package func create(_ request: CacheRuleRequest, in registry: RegistryID) async throws -> CacheRule {
        let rule = try request.rule(in: registry, policy, at: clock.now)
        if let arn = rule.credentialARN { try await check(secret: arn, in: registry) }
        let most = policy.rulesPerRegistry
        defer { cache.forget(registry) }
        try await database.write { sql in
            guard try CacheRuleTable.insert(rule, in: registry, sql) else {
                throw Refusal.cacheRuleAlreadyExists(rule.prefix, in: registry)
            }
            guard try CacheRuleTable.count(in: registry, sql) <= most else {
                throw Refusal.limitExceeded("\(most) pull through cache rules in a registry")
            }
        }
        return rule
    }

    /// The rules with these prefixes, in their order. Refuses for the first that is missing.
    package func describe(_ prefixes: [Prefix], in registry: RegistryID) async throws -> [CacheRule] {
        try await database.read { sql in
            var seen: Set<String> = []
            return try prefixes.filter { seen.insert($0.key).inserted }.map { prefix in
                guard let rule = try CacheRuleTable.find(prefix, in: registry, sql) else {
                    throw Refusal.cacheRuleNotFound(prefix, in: registry)
                }
                return rule
            }
        }
    }

    /// The rule with this prefix; nil where there is none.
    package func find(_ prefix: Prefix, in registry: RegistryID) async throws -> CacheRule? {
        try await database.read { sql in try CacheRuleTable.find(prefix, in: registry, sql) }
    }

    /// A page of the registry's rules, by prefix.
    package func describe(in registry: RegistryID, after prefix: String?, limit: Int) async throws -> Page<CacheRule> {
        let found = try await database.read { sql in
            try CacheRuleTable.list(in: registry, after: prefix, limit: limit + 1, sql)
        }
        return Page(found, limit: limit) { $0.prefix.key }
    }

    /// Changes the secret or the role of a rule; nil leaves it as it is. Refuses a request that changes nothing, as ECR does: its
    /// sender must not take something for done.
    package func update(
        _ prefix: Prefix, in registry: RegistryID, credentialARN: String?, customRoleARN: String?
    ) async throws -> CacheRule {
        guard credentialARN != nil || customRoleARN != nil else {
            throw Refusal(
                .invalidParameter, "Invalid input: Please set either credential arn or role arn to update the credentials")
        }
        if let credentialARN { try CacheRuleRequest.check(credentialARN: credentialARN) }
        if let customRoleARN { try CacheRuleRequest.check(customRoleARN: customRoleARN, in: registry) }
        // A missing rule is reported before a missing secret, so the rule is looked up first.
        _ = try await describe([prefix], in: registry)
        if let credentialARN { try await check(secret: credentialARN, in: registry) }
        let now = clock.now
        defer { cache.forget(registry) }
        return try await database.write { sql in
            guard var rule = try CacheRuleTable.find(prefix, in: registry, sql) else {
                throw Refusal.cacheRuleNotFound(prefix, in: registry)
            }
            rule.credentialARN = credentialARN ?? rule.credentialARN
            rule.customRoleARN = customRoleARN ?? rule.customRoleARN
            rule.updatedAt = now
            try CacheRuleTable.update(rule, in: registry, sql)
            return rule
        }
    }

    /// Deletes a rule and tells what it was. The repositories that it filled stay, and are ordinary ones from then on.
    package func delete(_ prefix: Prefix, in registry: RegistryID) async throws -> CacheRule {
        defer { cache.forget(registry) }
        return try await database.write { sql in
            guard let rule = try CacheRuleTable.find(prefix, in: registry, sql) else {
                throw Refusal.cacheRuleNotFound(prefix, in: registry)
            }
            try CacheRuleTable.remove(prefix, in: registry, sql)
            return rule
        }
    }

    /// The rule that fills a repository of this name: the longest prefix, `ROOT` last.
    package func rule(covering name: RepositoryName, in registry: RegistryID) async throws -> CacheRule? {
        try await all(in: registry).first { $0.prefix.covers(name) }
    }

    /// Every rule of a registry, from memory, the longest prefix first.
    func all(in registry: RegistryID) async throws -> [CacheRule] {
        try await cache.value(for: registry) {
            try await database.read { sql in
                try CacheRuleTable.all(in: registry, sql)
                    .sorted { $0.prefix.beginning.utf8.count > $1.prefix.beginning.utf8.count }
            }
        } ?? []
    }

    /// Reads the rule's secret, connects to its upstream and asks whether the login is good.
    package func validate(_ prefix: Prefix, in registry: RegistryID) async throws -> RuleValidation {
        guard let rule = try await describe([prefix], in: registry).first else {
            throw Refusal.cacheRuleNotFound(prefix, in: registry)
        }
        do {
            let credential = try await credential(of: rule, in: registry)
            let probe = RuleProbe(rule: rule, credential: credential, account: registry.account)
            let failure = await probe.failure(asking: upstream)
            return RuleValidation(rule: rule, failed: failure)
        } catch let refusal as Refusal {
            return RuleValidation(
                rule: rule, failed: RuleValidation.Failure(step: .secret, message: refusal.message))
        }
    }

    private func credential(of rule: CacheRule, in registry: RegistryID) async throws -> UpstreamCredential? {
        guard let arn = rule.credentialARN else { return nil }
        do {
            return try await secrets.credential(arn: arn, in: registry)
        } catch let refusal as Refusal where refusal.reason == .secretNotFound {
            throw Refusal.ruleSecretNotFound
        }
    }

    /// Throws ECR's refusal where the registry's account and Region have no such secret, or it is being deleted.
    private func check(secret arn: String, in registry: RegistryID) async throws {
        do {
            try await secrets.exists(arn: arn, in: registry)
        } catch let refusal as Refusal
            where refusal.reason == .secretNotFound || refusal.reason == .secretResourceNotFound
        {
            throw Refusal.ruleSecretNotFound
        }
    }
}
