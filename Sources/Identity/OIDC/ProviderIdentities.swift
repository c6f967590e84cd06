package import WeirCore

/// Web identities by the OIDC providers of the database.
package struct ProviderIdentities: WebIdentities {
    private let store: IdentityStore
    private let tokens: WebTokens

    package init(store: IdentityStore, tokens: WebTokens) {
        self.store = store
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
        try await store.read { sql in try ProviderQueries.facts(of: issuer, in: account, sql) }
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
