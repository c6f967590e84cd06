import WeirCore
import WeirIdentity
import WeirText

extension FuzzTarget {
    private static let now = Timestamp(seconds: 1_800_000_000)

    static let identity: [FuzzTarget] = [webToken, keySet, issuer]

    /// A line with the header, and one with the claims. What is no JSON of that form is refused before any claim counts.
    private static let webToken = FuzzTarget(
        "web-token",
        texts: [
            #"{"alg":"RS256","kid":"a","typ":"JWT"}"# + "\n"
                + #"{"iss":"https://i.example","sub":"s","aud":["a","b"],"azp":"c","exp":1800000300,"nbf":0,"iat":1.5,"ok":true}"#,
            #"{"alg":"ES512"}"# + "\n" + #"{"iss":"https://i.example:8443/x/","sub":"repo:o/r","aud":"a","exp":1800000300,"#
                + #""https://aws.amazon.com/tags":{"principal_tags":{"t":["v"]},"transitive_tag_keys":["t"]},"email_verified":true,"#
                + #""https://aws.amazon.com/source_identity":"ann","groups":["x"],"jti":"1"}"#,
            #"{"alg":"none","crit":["exp"]}"# + "\n" + #"{"iss":"i","exp":1e400}"#,
        ],
        words: [#""exp":"#, #""aud":"#, #""azp":"#, "1e300", "-1", "9223372036854775807", #""alg":"none""#, "principal_tags"]
    ) { text in
        let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = [lines.first ?? "", lines.count > 1 ? lines[1] : ""].map { Base64URL.encode(Array($0.utf8)) }
        do throws(TokenRefusal) {
            let token = try TokenCheck.token(parts.joined(separator: ".") + ".AAAA")
            let issuer = try TokenCheck.issuer(of: token)
            let end = try TokenCheck.dates(of: token, now: now)
            demand(end + .seconds(61) > now, "a token that ended at \(end)")
            let facts = OIDCProviderFacts(issuer: issuer, clientIDs: ["a", "c"])
            let audience = try TokenCheck.audience(of: token, for: facts)
            demand(audience.allSatisfy { facts.clientIDs.contains($0) }, "an audience that is no client")
            let verified = try VerifiedWebToken(token, issuer: issuer, audience: audience, expiresAt: end)
            demand(verified.conditionKeys.count <= WebToken.maxClaims + 2, "more keys than claims")
            return .taken("token", verified.tags.isEmpty ? "" : "tags", verified.sourceIdentity == nil ? "" : "identity")
        } catch {
            demand(error.message.utf8.count < 500 && error.detail.utf8.count < 500, "a long sentence")
            return .refused(error)
        }
    }

    private static let keySet = FuzzTarget(
        "key-set",
        seeds: [
            #"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","#
                + #""y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"a","use":"sig","alg":"ES256"}]}"#,
            #"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"a","key_ops":["verify"]},{"kty":"oct","k":"AA"},{}]}"#,
        ], words: [#""kty":"RSA""#, #""e":"AQ""#, #""use":"enc""#, #""d":"AA""#, #""crv":"P-521""#]
    ) { bytes in
        do throws(JSONWebKeySet.Fault) {
            let set = try JSONWebKeySet(parsing: bytes)
            demand(set.keys.count + set.unusable.count <= JSONWebKeySet.maxKeys, "too many keys")
            for key in set.keys { demand(WebTokenAlgorithm.allCases.contains { key.fits($0) }, "a key that fits nothing") }
            return .taken("set", set.isEmpty ? "empty" : "keys", set.unusable.first.map { "\($0.fault)" } ?? "")
        } catch { return .refused(error) }
    }

    private static let issuer = FuzzTarget(
        "issuer", texts: ["https://i.example/a/b/", "http://127.0.0.1:80", "https://[::1]:6443/x"],
        words: ["://", ":", "@", "?", "#", "/"]
    ) { text in
        guard let issuer = OIDCIssuer(text) else { return .refused }
        demand(issuer.url == text && issuer.url.hasSuffix(issuer.name), "an issuer that is not its text")
        demand(text.utf8.allSatisfy { (0x21..<0x7f).contains($0) }, "an issuer with other bytes")
        return .taken(issuer.isPlain ? "plain" : "secure")
    }
}
