package import WeirCore

/// Gathers what decides who may use a KMS key: its policy, which is the root of trust, and its grants.
///
/// A key that does not exist is treated as one with the standard policy. So a caller learns that it is missing only where the
/// caller's own policies allow the action.
package struct KeyAccess: Sendable {
    private let keys: Keys

    package init(keys: Keys) { self.keys = keys }

    private struct Found {
        let key: KMSKey
        let aliases: [String]
        let tags: [ResourceTag]
        let grants: [KMSGrant]
    }

    /// The request and the policies that decide it.
    ///
    /// - Parameters:
    ///   - action: with its service, `kms:Decrypt`.
    ///   - context: the keys that every request has. Those of KMS are added.
    package func gather(
        _ caller: Caller, _ action: String, _ demand: KeyDemand, context: PolicyContext, callers: CallerPolicies
    ) async throws -> (AuthorizationRequest, PolicyLayers) {
        let registry = demand.registry
        let found = try await find(demand, for: caller)
        var context = context
        Self.fill(&context, caller, demand, found)
        let resource = found?.key.arn ?? Self.missing(demand)
        let request = AuthorizationRequest(
            caller: caller, action: action, resource: resource, owner: Self.owner(of: resource, registry), isStrict: true,
            context: context)
        var layers = PolicyLayers(caller: callers)
        if let found {
            if let policy = try Self.policy(of: found.key) { layers.resource.append(policy) }
            layers.resource += Self.allowing(found.grants, request, demand)
        } else if request.owner == registry.account, let standard = Self.standard(for: registry) {
            layers.resource.append(NamedPolicy(.resource("key policy"), standard))
        }
        return (request, layers)
    }

    /// The key as a denial names it: as the call named it, whether it is there or not; nil where a ciphertext told it.
    package static func shown(_ demand: KeyDemand) -> String? {
        if case .named = demand.target { missing(demand) } else { nil }
    }

    private func find(_ demand: KeyDemand, for caller: Caller) async throws -> Found? {
        let reference: KeyReference?
        switch demand.target {
        case .named(let name): reference = try? KeyReference(name, in: demand.registry)
        case .sealer(let bytes): reference = (try? Ciphertext(bytes)).map { .id($0.keyID) }
        }
        guard let reference else { return nil }
        try await keys.settle()
        let principals = Set([caller.principalARN, caller.identity?.arn, caller.identity?.id].compactMap { $0 })
        return try await keys.database.read { sql in
            guard let key = try? reference.find(in: demand.registry, sql) else { return nil }
            return Found(
                key: key,
                aliases: try AliasTable.page(in: demand.registry, of: key.id, after: "", limit: Self.mostAliases, sql).map(
                    \.name),
                tags: try KeyTagTable.all(of: key, sql),
                grants: try GrantTable.concerning(principals.sorted(), on: key, sql))
        }
    }

    /// KMS's quota "Aliases per KMS key".
    private static let mostAliases = 50

    private static func fill(_ context: inout PolicyContext, _ caller: Caller, _ demand: KeyDemand, _ found: Found?) {
        context["kms:CallerAccount"] = caller.kind == .anonymous ? [] : [caller.account.description]
        if case .named(let name) = demand.target, let alias = alias(in: name) { context["kms:RequestAlias"] = [alias] }
        if let found {
            context["kms:ResourceAliases"] = found.aliases
            context["kms:KeySpec"] = ["SYMMETRIC_DEFAULT"]
            context["kms:KeyUsage"] = ["ENCRYPT_DECRYPT"]
            context["kms:KeyOrigin"] = ["AWS_KMS"]
            context.take(resourceTags: found.tags, of: "kms")
        }
        for (key, value) in demand.context {
            // Keys that differ in case alone are one condition key: a policy sees the values of both.
            context["kms:EncryptionContext:\(key)"] += [value]
        }
        if !demand.context.isEmpty { context["kms:EncryptionContextKeys"] = demand.context.keys.sorted() }
        if let grant = demand.grant {
            context["kms:GrantOperations"] = grant.operations.map(\.rawValue)
            context["kms:GranteePrincipal"] = [grant.grantee]
            if let retiree = grant.retiree { context["kms:RetiringPrincipal"] = [retiree] }
            if let constraint = grant.constraint {
                context["kms:GrantConstraintType"] = [
                    { if case .equals = constraint { "EncryptionContextEquals" } else { "EncryptionContextSubset" } }()
                ]
            }
        }
    }

    private static func alias(in name: String) -> String? {
        if name.hasPrefix("alias/") { return name }
        guard name.hasPrefix("arn:"), let at = name.firstRange(of: ":alias/") else { return nil }
        return String(name[name.index(after: at.lowerBound)...])
    }

    /// The ARN of what is not there, as the caller named it.
    private static func missing(_ demand: KeyDemand) -> String {
        switch demand.target {
        case .named(let name):
            if name.hasPrefix("arn:") { return name }
            return demand.registry.arn("kms", name.hasPrefix("alias/") ? name : "key/\(name)")
        case .sealer(let bytes):
            return (try? Ciphertext(bytes)).map { demand.registry.arn("kms", "key/\($0.keyID)") } ?? "*"
        }
    }

    /// Whose resource an ARN names. A key of another account has no policy here that could allow anything.
    private static func owner(of arn: String, _ registry: RegistryID) -> AccountID {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, let account = try? AccountID(String(parts[4])) else { return registry.account }
        return account
    }

    /// Throws `.accessDenied` where the stored text cannot be read: a Deny might be lost with it.
    private static func policy(of key: KMSKey) throws(Refusal) -> NamedPolicy? {
        guard let document = try? PolicyDocument(key.policy, maxLength: KeyPolicy.maxBytes, pins: key.pins.ids) else {
            throw Refusal(.accessDenied, "The policy of the key \(key.arn) cannot be read: nothing may be done with the key.")
        }
        return NamedPolicy(.resource("key policy"), document)
    }

    private static func standard(for registry: RegistryID) -> PolicyDocument? {
        try? PolicyDocument(KeyPolicy.standard(for: registry))
    }

    /// The grants that allow the request, each as the policy that it amounts to: one that names this very caller, or the role of
    /// its session, whose own limits then count.
    private static func allowing(
        _ grants: [KMSGrant], _ request: AuthorizationRequest, _ demand: KeyDemand
    ) -> [NamedPolicy] {
        let caller = request.caller
        return grants.compactMap { grant in
            let isRetired = grant.id == demand.retired && request.action == "kms:RetireGrant" && grant.isRetirable(by: caller)
            let operation = KMSGrant.Operation(rawValue: String(request.action.dropFirst("kms:".count)))
            guard isRetired || operation.map({ grant.allows(caller, $0, demand) }) ?? false else { return nil }
            let isOwn = [grant.terms.grantee, grant.terms.retiree].contains(caller.principalARN)
            let named = isOwn ? caller.principalARN : caller.identity?.arn ?? caller.principalARN
            let text = """
                {"Version":"2008-10-17","Statement":[{"Sid":\(JSONText.quoted(grant.id)),"Effect":"Allow",\
                "Principal":{"AWS":\(JSONText.quoted(named))},"Action":\(JSONText.quoted(request.action)),"Resource":"*"}]}
                """
            return (try? PolicyDocument(text)).map { NamedPolicy(.grant(grant.id), $0) }
        }
    }
}
