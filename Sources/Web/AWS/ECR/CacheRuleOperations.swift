import WeirCore
import WeirRegistry

/// Pull through cache rules.
struct CacheRuleOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "CreatePullThroughCacheRule", may: .reading { try Self.creating($0, $1) }, create),
            AWSOperation(.ecr, "DescribePullThroughCacheRules", may: .askedRegistry, describe),
            AWSOperation(.ecr, "UpdatePullThroughCacheRule", may: .reading { try await updating($0, $1) }, update),
            AWSOperation(.ecr, "DeletePullThroughCacheRule", may: .askedRegistry, delete),
            AWSOperation(.ecr, "ValidatePullThroughCacheRule", may: .askedRegistry, validate),
        ]
    }

    /// The service reads a rule's secret by its own right, and sends it upstream. So where the upstream is not one that ECR
    /// knows, the rule's author must be able to read the secret too: it could be sent to a host of the author's own.
    ///
    /// The service-linked role is not asked for: this server does not need it.
    private static func creating(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        let home = try call.askedRegistry()
        let isKnown = try call.input.optionalString("upstreamRegistryUrl").map { UpstreamKind(host: $0) != nil } ?? false
        return [AccessDemand(action, on: .registry(home))] + (try deputies(call, home, readsSecret: !isKnown))
    }

    private func updating(_ call: AWSCall, _ action: String) async throws -> [AccessDemand] {
        let home = try call.askedRegistry()
        let prefix = try call.optionalPrefix(Self.prefix, lengths: CacheRule.prefixLengths)
        var rule: CacheRule?
        if let prefix { rule = try await registry.cacheRules.find(prefix, in: home) }
        // The right is demanded where there is no such rule too, so that its answer tells of none.
        let isKnown = rule.map { UpstreamKind(host: $0.upstreamURL) != nil } ?? false
        return [AccessDemand(action, on: .registry(home))] + (try Self.deputies(call, home, readsSecret: !isKnown))
    }

    private static func deputies(_ call: AWSCall, _ home: RegistryID, readsSecret: Bool) throws -> [AccessDemand] {
        var demands: [AccessDemand] = []
        if let role = try call.input.optionalString("customRoleArn", length: 0...2_048), !role.isEmpty {
            demands.append(.passRole(role, to: .pullThroughCache, in: home))
        }
        if readsSecret, let secret = try call.input.optionalString("credentialArn", length: 50...612) {
            demands.append(AccessDemand("secretsmanager:GetSecretValue", on: .secret(secret, in: home)))
        }
        return demands
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let home = try call.askedRegistry()
        let request = CacheRuleRequest(
            prefix: try call.prefix(Self.prefix, lengths: CacheRule.prefixLengths),
            upstreamURL: try call.input.string("upstreamRegistryUrl"),
            kind: try call.input.optionalChoice("upstreamRegistry"),
            upstreamPrefix: try call.optionalPrefix("upstreamRepositoryPrefix", lengths: CacheRule.prefixLengths),
            credentialARN: try call.input.optionalString("credentialArn", length: 50...612),
            customRoleARN: try customRole(call))
        let rule = try await registry.cacheRules.create(request, in: home)
        return answer(rule, home, without: ["updatedAt"])
    }

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        let home = try call.askedRegistry()
        let named = try call.prefixes("ecrRepositoryPrefixes", count: 1...100, lengths: CacheRule.prefixLengths)
        if let named {
            // Paginators also send a page size. It is accepted, since all named rules fit into one page.
            _ = try PageRequest(call.input, of: "DescribePullThroughCacheRules")
            let rules = try await registry.cacheRules.describe(named, in: home)
            return ["pullThroughCacheRules": .array(rules.map { .cacheRule($0, in: home) })]
        }
        let page = try PageRequest(call.input, of: "DescribePullThroughCacheRules")
        let found = try await registry.cacheRules.describe(in: home, after: page.after, limit: page.limit)
        return page.answer(found, as: "pullThroughCacheRules") { .cacheRule($0, in: home) }
    }

    private func update(_ call: AWSCall) async throws -> JSONValue {
        let credential = try call.input.optionalString("credentialArn", length: 50...612)
        let role = try customRole(call)
        let (prefix, home) = try target(call)
        let rule = try await registry.cacheRules.update(
            prefix, in: home, credentialARN: credential, customRoleARN: role)
        return answer(rule, home, without: ["upstreamRegistryUrl", "upstreamRegistry", "createdAt"])
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        let (prefix, home) = try target(call)
        let rule = try await registry.cacheRules.delete(prefix, in: home)
        return answer(rule, home, without: ["upstreamRegistry", "updatedAt"])
    }

    /// A check that fails is an answer, not an error.
    private func validate(_ call: AWSCall) async throws -> JSONValue {
        let (prefix, home) = try target(call)
        let validation = try await registry.cacheRules.validate(prefix, in: home)
        let rule = answer(validation.rule, home, without: ["upstreamRegistry", "createdAt", "updatedAt"])
        return rule.adding([
            "isValid": .bool(validation.failure == nil), "failure": validation.failure.map { .string($0) },
        ])
    }

    /// The rule in the answer of one operation: the model leaves out other members in each.
    private func answer(_ rule: CacheRule, _ home: RegistryID, without members: Set<String>) -> JSONValue {
        guard case .object(let all) = JSONValue.cacheRule(rule, in: home) else { return [:] }
        return .object(all.filter { !members.contains($0.key) })
    }

    private static let prefix = "ecrRepositoryPrefix"

    private func target(_ call: AWSCall) throws -> (Prefix, RegistryID) {
        let home = try call.askedRegistry()
        let prefix = try call.prefix(Self.prefix, lengths: CacheRule.prefixLengths)
        return (prefix, home)
    }

    private func customRole(_ call: AWSCall) throws -> String? {
        try call.input.optionalString("customRoleArn", length: 0...2_048).flatMap { $0.isEmpty ? nil : $0 }
    }
}
