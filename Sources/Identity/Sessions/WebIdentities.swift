package import WeirCore

/// A person, machine or job, as a web identity token that was verified describes it.
package struct WebIdentity: Sendable {
    /// The issuer's URL, as the token says it.
    package let issuer: String
    /// The ARN of the provider in the role's account.
    package let providerARN: String
    package let subject: String
    package let audience: String
    /// `jti`, where the token has one.
    package let tokenID: String?
    /// The claims as condition keys, `ISSUER:CLAIM` in lower case.
    package let conditionKeys: [String: [String]]
    package let tags: SessionTags
    package let sourceIdentity: String?

    package init(
        issuer: String, providerARN: String, subject: String, audience: String, tokenID: String? = nil,
        conditionKeys: [String: [String]], tags: SessionTags = SessionTags(), sourceIdentity: String? = nil
    ) {
        self.issuer = issuer
        self.providerARN = providerARN
        self.subject = subject
        self.audience = audience
        self.tokenID = tokenID
        self.conditionKeys = conditionKeys
        self.tags = tags
        self.sourceIdentity = sourceIdentity
    }
}

/// Verifies web identity tokens by the OIDC providers of an account.
package protocol WebIdentities: Sendable {
    /// Throws a `Refusal` with STS's own reasons (`.invalidIdentityToken`, `.webIdentityExpired`, `.idpCommunicationError`) for a
    /// token that opens nothing.
    ///
    /// - Parameters:
    ///   - account: whose providers count: the role's.
    ///   - partition: of the provider's ARN.
    func verify(
        _ token: String, in account: AccountID, partition: String, at now: Timestamp
    ) async throws -> WebIdentity
}

/// No account has a provider.
package struct NoWebIdentities: WebIdentities {
    package init() {}

    package func verify(
        _ token: String, in account: AccountID, partition: String, at now: Timestamp
    ) async throws -> WebIdentity {
        throw Refusal(.invalidIdentityToken, "No OpenIDConnect provider found in your account")
    }
}
