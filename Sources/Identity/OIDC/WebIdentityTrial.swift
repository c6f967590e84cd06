package import WeirCore

/// Whether a web identity token may assume a role, check by check: for the operator who sets it up. Nothing is issued.
package struct WebIdentityTrial: Sendable {
    package struct Outcome: Sendable {
        package let steps: [WebTokens.CheckedStep]
        /// What the token says; nil where a step refuses it.
        package let verified: VerifiedWebToken?
        /// A decision of the role's trust policy for each action that the token needs. Empty where a step refuses the token,
        /// where there is no such role, and where its trust policy cannot be read.
        package let decisions: [Explanation]

        package var isAllowed: Bool { !decisions.isEmpty && decisions.allSatisfy(\.decision.isAllowed) }
    }

    private let records: EntityRecords
    private let tokens: WebTokens

    package init(records: EntityRecords, tokens: WebTokens) {
        self.records = records
        self.tokens = tokens
    }

    /// - Parameters:
    ///   - role: nil where the account has none of that name: the token's own checks are made all the same.
    ///   - account: whose providers count: the role's.
    ///   - trust: the role's trust policy; nil where there is no role, or it cannot be read.
    package func run(
        _ token: String, for role: Entity?, trust: PolicyDocument?, in account: AccountID, region: Region, at now: Timestamp
    ) async throws -> Outcome {
        let (steps, verified) = try await tokens.explain(token, now: now) { issuer in
            try await provider(issuer, in: account)
        }
        guard let verified, let role, let trust else { return Outcome(steps: steps, verified: verified, decisions: []) }
        let providerARN = "arn:\(region.partition):iam::\(account):oidc-provider/\(verified.issuer.name)"
        let caller = Caller(
            account: account, kind: .webIdentity(provider: providerARN), principalARN: verified.subject,
            userID: "\(verified.issuer.url):\(verified.audience):\(verified.subject)")
        let context = Self.context(of: caller, verified, providerARN, role, at: now, in: region)
        var actions = ["sts:AssumeRoleWithWebIdentity"]
        if !verified.tags.isEmpty { actions.append("sts:TagSession") }
        if verified.sourceIdentity != nil { actions.append("sts:SetSourceIdentity") }
        let layers = PolicyLayers(resource: [NamedPolicy(.resource("role trust policy"), trust)])
        return Outcome(
            steps: steps, verified: verified,
            decisions: actions.map { action in
                Explanation(
                    AuthorizationRequest(
                        caller: caller, action: action, resource: role.arn(partition: region.partition), owner: account,
                        isStrict: true, context: context),
                    layers)
            })
    }

    private func provider(_ issuer: OIDCIssuer, in account: AccountID) async throws -> OIDCProviderFacts? {
        guard let entity = try await records.find(.oidcProvider, named: issuer.name, in: account),
            let provider = try await records.record(of: entity).provider, provider.url == issuer.url
        else { return nil }
        let clients = (try? JSONValue(parsing: provider.clientIDs.utf8))?.strings ?? []
        let keys = provider.keySet.flatMap { try? JSONWebKeySet(parsing: Array($0.utf8)) }
        return OIDCProviderFacts(issuer: issuer, clientIDs: clients, keys: keys)
    }

    /// As STS fills it for the request.
    private static func context(
        of caller: Caller, _ verified: VerifiedWebToken, _ provider: String, _ role: Entity, at now: Timestamp, in region: Region
    ) -> PolicyContext {
        var context = PolicyContext(of: caller, from: RequestOrigin.current, at: now, owner: role.account, in: region)
        context.take(resourceTags: role.tags, of: "iam")
        for (key, values) in verified.conditionKeys where !isReserved(key) { context[key] = values }
        context["aws:FederatedProvider"] = [provider]
        context["sts:RoleSessionName"] = ["weir-oidc-test"]
        if let source = verified.sourceIdentity { context["sts:SourceIdentity"] = [source] }
        for (key, value) in verified.tags { context["aws:RequestTag/\(key)"] = [value] }
        if !verified.tags.isEmpty { context["aws:TagKeys"] = verified.tags.keys.sorted() }
        if !verified.transitiveTagKeys.isEmpty { context["sts:TransitiveTagKeys"] = verified.transitiveTagKeys }
        return context
    }

    /// A key of the services' own, which an issuer with such a name must not fill.
    private static func isReserved(_ key: String) -> Bool {
        ["aws:", "sts:", "iam:", "ecr:", "kms:", "secretsmanager:", "weir:"].contains { key.lowercased().hasPrefix($0) }
    }
}
