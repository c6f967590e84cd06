package import WeirCore

/// Web identity tokens: verified, or explained.
///
/// Nothing is remembered of a verified token: each use checks its signature again.
package struct WebTokens: Sendable {
    /// Finds the provider for an issuer, in the account of the role that is to be assumed.
    package typealias Finding = @Sendable (OIDCIssuer) async throws -> OIDCProviderFacts?

    /// One check and how it ended, for `weir oidc test`.
    package struct CheckedStep: Sendable, Hashable {
        package enum Outcome: String, Sendable { case passed, failed, skipped }

        package let step: TokenStep
        package let outcome: Outcome
        /// What was found; empty where the step was skipped.
        package let sentence: String
    }

    private let keySets: IssuerKeySets

    package init(keySets: IssuerKeySets) { self.keySets = keySets }

    /// Verifies `token` at the time `now`, which is that of clients. Throws `TokenRefusal`, or what `provider` throws.
    package func verify(
        _ token: String, now: Timestamp, provider: Finding
    ) async throws -> VerifiedWebToken {
        try await check(token, now: now, provider: provider) { _, _ in }
    }

    /// Every step with its outcome, up to the one that refuses; and what the token says, where none does. The same checks as
    /// `verify`. Throws only what `provider` throws.
    package func explain(
        _ token: String, now: Timestamp, provider: Finding
    ) async throws -> (steps: [CheckedStep], verified: VerifiedWebToken?) {
        var steps: [CheckedStep] = []
        var verified: VerifiedWebToken?
        do {
            verified = try await check(token, now: now, provider: provider) { step, sentence in
                steps.append(CheckedStep(step: step, outcome: .passed, sentence: sentence))
            }
        } catch let refusal as TokenRefusal {
            steps.append(CheckedStep(step: refusal.step, outcome: .failed, sentence: refusal.detail))
        }
        for step in TokenStep.allCases where !steps.contains(where: { $0.step == step }) {
            steps.append(CheckedStep(step: step, outcome: .skipped, sentence: ""))
        }
        return (steps, verified)
    }

    /// - Parameter note: told of each step that is passed, with what was found.
    private func check(
        _ text: String, now: Timestamp, provider: Finding, note: (TokenStep, String) -> Void
    ) async throws -> VerifiedWebToken {
        let token = try TokenCheck.token(text)
        note(.token, "a JWT by \(token.algorithm.rawValue), key \(token.keyID.map { "'\($0.shownBriefly)'" } ?? "not named")")

        let issuer = try TokenCheck.issuer(of: token)
        let facts = try TokenCheck.provider(try await provider(issuer), of: issuer)
        note(.provider, "the account has a provider for \(issuer)")

        let (keys, origin) = try await keys(for: token, facts)
        if let id = token.keyID, keys.knows(id) { note(.key, origin) }
        let key = try TokenCheck.key(for: token, in: keys)
        if token.keyID == nil { note(.key, origin) }

        try TokenCheck.signature(of: token, by: key)
        note(.signature, "the signature is that key's")

        let end = try TokenCheck.dates(of: token, now: now)
        note(.dates, "it is valid until \(end.iso8601)")

        let audience = try TokenCheck.audience(of: token, for: facts)
        note(.audience, "it is for the client '\((audience.first ?? "").shownBriefly)'")

        let verified = try VerifiedWebToken(token, issuer: issuer, audience: audience, expiresAt: end)
        note(.tags, "\(verified.tags.count) session tags, \(verified.sourceIdentity == nil ? "no" : "a") source identity")
        return verified
    }

    private func keys(
        for token: WebToken, _ facts: OIDCProviderFacts
    ) async throws(TokenRefusal) -> (JSONWebKeySet, String) {
        if let keys = facts.keys { return (keys, "the key is one of those that were given with the provider") }
        // No issuer is asked for a key that cannot be in any set.
        if let id = token.keyID, !(1...JSONWebKey.maxKeyIDBytes).contains(id.utf8.count) { throw .keyMissing(.unknown(id)) }
        let found: KeySetCache.Found
        do throws(IssuerKeysError) { found = try await keySets.keys(of: facts.issuer, keyID: token.keyID) } catch {
            throw error.kind == .unavailable ? .issuerSilent(error) : .keysInvalid(error)
        }
        // A key that is missing while its issuer cannot be asked may be there when it can.
        if let trouble = found.trouble, trouble.kind == .unavailable, !found.keys.knows(token.keyID) {
            throw .issuerSilent(trouble)
        }
        let age = found.trouble.map { "; it has given no newer ones since: \($0)" } ?? ""
        return (found.keys, "the key is one of those that the issuer gave at \(found.fetchedAt.iso8601)\(age)")
    }
}
