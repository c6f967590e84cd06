package import WeirCore

/// What a web identity token says, once every check has been passed.
package struct VerifiedWebToken: Sendable {
    package let issuer: OIDCIssuer
    /// `sub`.
    package let subject: String
    /// `azp`; where there is none, the first of `aud` that is a client of the provider.
    package let audience: String
    package let expiresAt: Timestamp
    /// `jti`, for the audit record; at most 255 bytes of it.
    package let tokenID: String?
    /// The issuer vouches for the claim `email`; nil where the token does not say.
    package let isEmailVerified: Bool?
    /// Condition keys with their values, `ISSUER:CLAIM` with the issuer as in `OIDCIssuer.name` and all in lower case: every
    /// claim that is a scalar or a list of texts. `:aud` is the audience that was checked, and `:oaud` the token's `aud`.
    package let conditionKeys: [String: [String]]
    /// From the claim `https://aws.amazon.com/tags`.
    package let tags: [String: String]
    package let transitiveTagKeys: [String]
    /// From the claim `https://aws.amazon.com/source_identity`.
    package let sourceIdentity: String?

    /// Of a token that every step before this one has let pass. Throws where its tags or its source identity cannot be read.
    package init(
        _ token: WebToken, issuer: OIDCIssuer, audience: [String], expiresAt: Timestamp
    ) throws(TokenRefusal) {
        let tags = try WebTokenTags(token.claims)
        self.issuer = issuer
        subject = token.subject
        self.audience = audience.first ?? ""
        self.expiresAt = expiresAt
        tokenID = token.claims["jti"]?.string.map { String(decoding: $0.utf8.prefix(255), as: UTF8.self) }
        if case .bool(let isVerified) = token.claims["email_verified"] {
            isEmailVerified = isVerified
        } else {
            isEmailVerified = nil
        }
        var keys = Self.conditionKeys(of: token.claims, issuer: issuer)
        keys[Self.key("aud", of: issuer)] = audience
        keys[Self.key("oaud", of: issuer)] = token.audiences
        conditionKeys = keys
        self.tags = tags.tags
        transitiveTagKeys = tags.transitiveKeys
        sourceIdentity = tags.sourceIdentity
    }

    private static func key(_ claim: String, of issuer: OIDCIssuer) -> String { "\(issuer.name):\(claim)".lowercased() }

    private static func conditionKeys(of claims: [String: JSONValue], issuer: OIDCIssuer) -> [String: [String]] {
        var keys: [String: [String]] = [:]
        for (name, value) in claims where isKeyName(name) {
            guard let values = value.scalar.map({ [$0] }) ?? value.strings, !values.isEmpty else { continue }
            keys[key(name, of: issuer)] = values
        }
        return keys
    }

    /// Printable ASCII of 128 bytes at most. A colon would let a claim of one issuer pass for another issuer's (`HOST` with the
    /// claim `8443:sub`, and `HOST:8443` with `sub`): it stands only in a URL's scheme, as namespaced claims have it.
    private static func isKeyName(_ name: String) -> Bool {
        let rest = ["https://", "http://"].first { name.utf8.starts(with: $0.utf8) }.map { name.utf8.dropFirst($0.utf8.count) }
        return (1...128).contains(name.utf8.count)
            && (rest ?? name.utf8[...]).allSatisfy { (0x21..<0x7f).contains($0) && $0 != UInt8(ascii: ":") }
    }
}

/// Session tags and source identity in a token's claims, in the two forms that STS knows: one claim with an object, or a claim
/// for each tag.
struct WebTokenTags {
    private static let claim = "https://aws.amazon.com/tags"
    private static let identityClaim = "https://aws.amazon.com/source_identity"
    private static let principalTags = "principal_tags"
    private static let transitiveTagKeys = "transitive_tag_keys"
    /// STS's bound for a session.
    private static let maxTags = 50

    private(set) var tags: [String: String] = [:]
    private(set) var transitiveKeys: [String] = []
    let sourceIdentity: String?

    /// Throws where a claim of these names has another form: to drop a tag silently could widen what a policy allows.
    init(_ claims: [String: JSONValue]) throws(TokenRefusal) {
        sourceIdentity = try Self.sourceIdentity(claims[Self.identityClaim])
        if let whole = claims[Self.claim] {
            guard case .object(let members) = whole else { throw Self.refusal("is no object") }
            if let given = members[Self.principalTags] {
                guard case .object(let given) = given else { throw Self.refusal("has principal_tags that are no object") }
                for (key, value) in given { try add(key, value) }
            }
            try addTransitive(members[Self.transitiveTagKeys])
        }
        let prefix = "\(Self.claim)/\(Self.principalTags)/"
        for (name, value) in claims where name.utf8.starts(with: prefix.utf8) {
            try add(String(decoding: name.utf8.dropFirst(prefix.utf8.count), as: UTF8.self), value)
        }
        try addTransitive(claims["\(Self.claim)/\(Self.transitiveTagKeys)"])
    }

    private mutating func add(_ key: String, _ value: JSONValue) throws(TokenRefusal) {
        guard let values = value.strings, let only = values.first, values.count == 1 else {
            throw Self.refusal("has a tag that is not one text")
        }
        guard (1...128).contains(key.unicodeScalars.count), only.unicodeScalars.count <= 256 else {
            throw Self.refusal("has a tag whose key is not 1 to 128 characters, or whose value is more than 256")
        }
        guard tags.updateValue(only, forKey: key) == nil else { throw Self.refusal("has a tag twice") }
        guard tags.count <= Self.maxTags else { throw Self.refusal("has more than \(Self.maxTags) tags") }
    }

    private mutating func addTransitive(_ value: JSONValue?) throws(TokenRefusal) {
        guard let value else { return }
        guard let keys = value.strings else { throw Self.refusal("has transitive_tag_keys that are no texts") }
        transitiveKeys += keys
        guard transitiveKeys.count <= Self.maxTags else {
            throw Self.refusal("has more than \(Self.maxTags) transitive_tag_keys")
        }
    }

    /// 2 to 64 of the characters that STS allows.
    private static func sourceIdentity(_ value: JSONValue?) throws(TokenRefusal) -> String? {
        guard let value else { return nil }
        guard let text = value.string, (2...64).contains(text.utf8.count),
            text.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                    || "_+=,.@-".utf8.contains($0)
            })
        else { throw .tagsInvalid(claim: identityClaim, why: "is not 2 to 64 letters, digits and _+=,.@-") }
        return text
    }

    private static func refusal(_ why: String) -> TokenRefusal { .tagsInvalid(claim: claim, why: why) }
}
