package import WeirCore

/// Web identities by the OIDC providers of the database.
package struct ProviderIdentities: WebIdentities {
    private let providers: OIDCProviders
    private let tokens: WebTokens

    package init(store: IdentityStore, tokens: WebTokens) {
        providers = OIDCProviders(store: store)
        self.tokens = tokens
    }

    package func verify(
        _ token: String, in account: AccountID, partition: String, at now: Timestamp
    ) async throws -> WebIdentity {
        do {
            let verified = try await tokens.verify(token, now: now) { issuer in try await facts(of: issuer, in: account) }
            return WebIdentity(
                issuer: verified.issuer.url,
                providerARN: "arn:\(partition):iam::\(account):oidc-provider/\(verified.issuer.name)",
                subject: verified.subject, audience: verified.audience, tokenID: verified.tokenID,
                conditionKeys: verified.conditionKeys,
                tags: SessionTags(
                    verified.tags.sorted { $0.key < $1.key }.map { ResourceTag(key: $0.key, value: $0.value) },
                    transitiveKeys: verified.transitiveTagKeys),
                sourceIdentity: verified.sourceIdentity)
        } catch let refusal as TokenRefusal {
            throw Refusal(refusal.reason, refusal.message, facts: ["token.fault": refusal.detail])
        }
    }

    private func facts(of issuer: OIDCIssuer, in account: AccountID) async throws -> OIDCProviderFacts? {
        guard let provider = try await providers.provider(issuer: issuer.url, in: account) else { return nil }
        let keys = try provider.keySet.map { text in
            // The issuer is not asked where its keys were given.
            guard let keys = try? JSONWebKeySet(parsing: Array(text.utf8)) else {
                throw Refusal(.idpCommunicationError, "The keys that were given for \(issuer.url) cannot be read.")
            }
            return keys
        }
        return OIDCProviderFacts(issuer: issuer, clientIDs: provider.clientIDs, keys: keys)
    }
}

extension TokenRefusal {
    fileprivate var reason: Refusal.Reason {
        switch code {
        case .invalidIdentityToken: .invalidIdentityToken
        case .idpCommunicationError: .idpCommunicationError
        case .expiredToken: .webIdentityExpired
        }
    }
}
