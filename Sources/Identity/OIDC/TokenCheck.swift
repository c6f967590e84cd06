package import WeirCore

/// What a provider of an account says about the issuer's tokens.
package struct OIDCProviderFacts: Sendable {
    package let issuer: OIDCIssuer
    /// The audiences that are accepted. None: no token is.
    package let clientIDs: [String]
    /// Keys that were given with the provider, for an issuer that cannot be asked; nil: the issuer is asked.
    package let keys: JSONWebKeySet?

    package init(issuer: OIDCIssuer, clientIDs: [String], keys: JSONWebKeySet? = nil) {
        self.issuer = issuer
        self.clientIDs = clientIDs
        self.keys = keys
    }
}

/// The checks of a web identity token, a function each, in the order of `TokenStep`. Pure: the time is passed in, and so are the
/// issuer's keys. `WebTokens` calls them one after another.
package enum TokenCheck {
    /// By how much the issuer's clock may differ from ours.
    package static let leeway = Duration.seconds(60)

    package static func token(_ text: String) throws(TokenRefusal) -> WebToken {
        do throws(WebTokenFault) { return try WebToken(text) } catch { throw .notAToken(error) }
    }

    /// The token's `iss` as an issuer; nobody is asked about a text that can be none.
    package static func issuer(of token: WebToken) throws(TokenRefusal) -> OIDCIssuer {
        guard let issuer = OIDCIssuer(token.issuer) else { throw .noProvider(issuer: token.issuer) }
        return issuer
    }

    /// - Parameter facts: what was found under the token's issuer.
    package static func provider(_ facts: OIDCProviderFacts?, of issuer: OIDCIssuer) throws(TokenRefusal) -> OIDCProviderFacts {
        guard let facts, facts.issuer == issuer else { throw .noProvider(issuer: issuer.url) }
        return facts
    }

    package static func key(for token: WebToken, in keys: JSONWebKeySet) throws(TokenRefusal) -> JSONWebKey {
        do throws(JSONWebKeySet.Miss) { return try keys.key(for: token) } catch { throw .keyMissing(error) }
    }

    package static func signature(of token: WebToken, by key: JSONWebKey) throws(TokenRefusal) {
        guard key.verifies(token.signature, of: token.signed, by: token.algorithm) else { throw .signatureInvalid }
    }

    /// Returns when the token ends.
    package static func dates(of token: WebToken, now: Timestamp) throws(TokenRefusal) -> Timestamp {
        guard let end = try moment("exp", of: token) else { throw .dateInvalid(claim: "exp") }
        let begins = ["nbf": try moment("nbf", of: token), "iat": try moment("iat", of: token)]
        guard now < end + leeway else { throw .expired(now: now, end: end) }
        for claim in ["nbf", "iat"] {
            if let begin = begins[claim] ?? nil, begin > now + leeway { throw .notYetValid(claim: claim, now: now, begin: begin) }
        }
        return end
    }

    /// The audience that the token was made for: `azp` where it has one, since then `aud` may be a resource and not the client;
    /// else those of `aud` that are clients.
    package static func audience(of token: WebToken, for facts: OIDCProviderFacts) throws(TokenRefusal) -> [String] {
        let candidates = token.authorizedParty.map { [$0] } ?? token.audiences
        let clients = Set(facts.clientIDs.map { Array($0.utf8) })
        let known = candidates.filter { clients.contains(Array($0.utf8)) }
        guard !known.isEmpty else { throw .wrongAudience }
        return known
    }

    /// The last second of the year 9999: what lies beyond is no date, whatever it is.
    private static let lastSecond: Int64 = 253_402_300_799

    /// Seconds since 1970, perhaps with a fraction (RFC 7519, 2). Nil where there is no such claim.
    private static func moment(_ claim: String, of token: WebToken) throws(TokenRefusal) -> Timestamp? {
        let seconds: Int64
        switch token.claims[claim] {
        case nil: return nil
        case .integer(let number): seconds = number
        case .number(let number) where number >= 0: seconds = Int64(saturating: number)
        default: throw .dateInvalid(claim: claim)
        }
        guard (0...lastSecond).contains(seconds) else { throw .dateInvalid(claim: claim) }
        return Timestamp(seconds: seconds)
    }
}
