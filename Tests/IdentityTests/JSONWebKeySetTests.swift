import Foundation
import Testing
import WeirCore
import WeirIdentity
import WeirText

@Suite struct JSONWebKeySetTests {
    private static func set(_ members: [String: String]) throws -> JSONWebKeySet {
        try JSONWebKeySet(parsing: Minting.keySet([members]))
    }

    @Test func theKeysOfAnIssuerAreReadAndTheOthersAreNamed() throws {
        let set = try JSONWebKeySet(parsing: Minting.keys)
        #expect(set.keys.map(\.keyID) == ["a", "any", "b", "c256", "c384", "c521", "384"])
        #expect(set.unusable.map(\.keyID) == ["enc", "weak"] && set.unusable.map(\.fault) == [.use, .size(1_024)])
        #expect(set.knows("a") && set.knows("enc") && !set.knows("z") && set.knows(nil))
    }

    @Test func aKeyThatCannotVerifyIsNotUsed() throws {
        let rsa = IssuerKey.first.jwk("a")
        let curve = IssuerKey.curve256.jwk("a")
        let long = Base64URL.encode([0x80] + [UInt8](repeating: 1, count: 1_024))
        let rows: [([String: String], JSONWebKey.Fault)] = [
            (rsa.merging(["use": "enc"]) { $1 }, .use), (rsa.merging(["key_ops": "verify"]) { $1 }, .use),
            (rsa.merging(["d": "AQAB"]) { $1 }, .secret), (["kty": "oct", "k": "c2VjcmV0", "kid": "a"], .secret),
            (rsa.merging(["alg": "RSA-OAEP"]) { $1 }, .algorithm), (rsa.merging(["alg": "HS256"]) { $1 }, .algorithm),
            (rsa.merging(["alg": "none"]) { $1 }, .algorithm), (rsa.merging(["kty": "rsa"]) { $1 }, .kind),
            (["kty": "OKP", "crv": "Ed25519", "x": "AAAA"], .kind), (curve.merging(["crv": "secp256k1"]) { $1 }, .kind),
            (rsa.merging(["kid": ""]) { $1 }, .keyID), (rsa.merging(["kid": String(repeating: "k", count: 257)]) { $1 }, .keyID),
            (rsa.merging(["n": ""]) { $1 }, .numbers), (rsa.merging(["n": "AAAA"]) { $1 }, .numbers),
            (rsa.merging(["n": "AQ"]) { $1 }, .size(1)), (rsa.merging(["n": "=" + (rsa["n"] ?? "")]) { $1 }, .numbers),
            (rsa.merging(["n": long]) { $1 }, .size(8_200)),
            (rsa.merging(["n": String(repeating: "A", count: 10_923)]) { $1 }, .size(65_538)),
            (rsa.merging(["e": "AQ"]) { $1 }, .numbers), (rsa.merging(["e": "AA"]) { $1 }, .numbers),
            (rsa.merging(["e": "Ag"]) { $1 }, .numbers), (rsa.merging(["e": "AQAAAAE"]) { $1 }, .numbers),
            (rsa.filter { $0.key != "e" }, .numbers), (curve.merging(["x": "AAAA"]) { $1 }, .numbers),
            // Not on the curve, and the wrong curve's size.
            (curve.merging(["x": curve["y"] ?? ""]) { $1 }, .numbers), (curve.merging(["crv": "P-384"]) { $1 }, .numbers),
            (curve.filter { $0.key != "y" }, .numbers),
        ]
        for (members, fault) in rows {
            let set = try Self.set(members)
            #expect(set.isEmpty && set.unusable.map(\.fault) == [fault], "\(members.keys.sorted()): \(fault)")
        }
    }

    @Test func aZeroBeforeTheModulusIsNoFault() throws {
        let n = try #require(Base64URL.decode(IssuerKey.first.members["n"] ?? ""))
        #expect(try Self.set(IssuerKey.first.jwk("a", ["n": Base64URL.encode([0] + n)])).keys.count == 1)
    }

    @Test func aSetIsBounded() throws {
        func fault(_ bytes: [UInt8]) -> JSONWebKeySet.Fault? {
            do throws(JSONWebKeySet.Fault) {
                _ = try JSONWebKeySet(parsing: bytes)
                return nil
            } catch { return error }
        }
        func fault(_ text: String) -> JSONWebKeySet.Fault? { fault(Array(text.utf8)) }
        func keys(_ count: Int, _ text: String) -> String {
            #"{"keys":["# + String(repeating: text + ",", count: count - 1) + text + "]}"
        }
        let started = ContinuousClock.now
        #expect(fault([UInt8](repeating: 0x20, count: 10_000_000)) == .tooLong)
        #expect(fault(keys(100_000, "{}")) == .tooLong)
        #expect(fault(keys(101, "{}")) == .tooManyKeys && fault(keys(100, "{}")) == nil)
        #expect(fault(#"{"keys":{}}"#) == .noKeys && fault("[]") == .noKeys && fault("{}") == .noKeys)
        for text in ["", "{", #"{"keys":[],"keys":[]}"#, keys(80_000, "1"), String(repeating: "[", count: 100_000)] {
            guard case .json = fault(text) else { return #expect(Bool(false), "\(text.prefix(40))") }
        }
        // Generous: a debug build on a busy machine.
        #expect(started.duration(to: .now) < .seconds(20))
    }

    @Test func anIssuerIsAURLWithoutQuery() {
        for url in [
            "https://token.actions.githubusercontent.com", "https://oidc.eks.us-east-1.amazonaws.com/id/ABC", "https://h:6443",
            "https://accounts.example/", "http://127.0.0.1:9000/x", "https://[fd00::1]:6443/a", "https://h/a%20b",
        ] { #expect(OIDCIssuer(url) != nil, "\(url)") }
        for url in [
            "", "https://", "https:///x", "issuer.example", "ftp://h", "HTTPS://h", "https://h?x", "https://h/#x", "https://u@h/",
            "https://h/a:b", "https://h/é", "https://h/ x", "https://h\n", "https://:443",
            "https://h/" + String(repeating: "x", count: 250),
        ] { #expect(OIDCIssuer(url) == nil, "\(url)") }
        #expect(OIDCIssuer("https://h/a/")?.configurationURL == "https://h/a/.well-known/openid-configuration")
        #expect(OIDCIssuer("https://h/a")?.configurationURL == "https://h/a/.well-known/openid-configuration")
        #expect(OIDCIssuer("https://h/a/")?.name == "h/a/" && OIDCIssuer("http://h:80")?.name == "h:80")
    }
}

@Suite struct VerifiedWebTokenTests {
    private func verified(_ changes: [String: String?]) async throws -> VerifiedWebToken {
        let issuer = try #require(OIDCIssuer(Minting.issuer))
        let facts = OIDCProviderFacts(
            issuer: issuer, clientIDs: ["sts.amazonaws.com", "client-1"], keys: try JSONWebKeySet(parsing: Minting.keys))
        let port = FakeIssuer()
        let tokens = WebTokens(keySets: IssuerKeySets(port: port, clock: SetClock().clock))
        let token = try await tokens.verify(try Minting.token(changes), now: Minting.now) { _ in facts }
        #expect(port.asked.isEmpty, "the provider has keys of its own")
        return token
    }

    @Test func everyClaimIsAConditionKey() async throws {
        let token = try await verified([
            "repository_id": "\"74\"", "run_attempt": "2", "protected": "true", "score": "1.5", "groups": #"["a","b"]"#,
            "none": "null",
            "empty": "[]", "mixed": #"["a",1]"#, "nested": #"{"a":"b"}"#, "amr": #"["mfa","pwd"]"#, "clientID": "\"x\"",
            "https://ns.example/role": "\"dev\"", "8443:sub": "\"forged\"", "a b": "\"x\"", "clé": "\"x\"",
            "email": "\"a@b.example\"", "email_verified": "false",
        ])
        let prefix = "issuer.example/realm:"
        let expected: [String: [String]] = [
            "iss": [Minting.issuer], "sub": ["repo:o/r:ref:refs/heads/main"], "aud": ["sts.amazonaws.com"],
            "oaud": ["sts.amazonaws.com"],
            "exp": ["1800000300"], "nbf": ["1799999990"], "iat": ["1799999990"], "jti": ["one"], "repository_id": ["74"],
            "run_attempt": ["2"], "protected": ["true"], "score": ["1.5"], "groups": ["a", "b"], "amr": ["mfa", "pwd"],
            "clientid": ["x"], "https://ns.example/role": ["dev"], "email": ["a@b.example"], "email_verified": ["false"],
        ]
        #expect(token.conditionKeys == Dictionary(uniqueKeysWithValues: expected.map { (prefix + $0.key, $0.value) }))
        #expect(token.isEmailVerified == false && token.tokenID == "one" && token.issuer.url == Minting.issuer)
        #expect(token.expiresAt == Timestamp(seconds: 1_800_000_300))
    }

    @Test func azpIsTheAudienceAndAudIsKept() async throws {
        let token = try await verified(["azp": "\"client-1\"", "aud": #"["resource","sts.amazonaws.com"]"#])
        #expect(token.audience == "client-1")
        #expect(token.conditionKeys["issuer.example/realm:aud"] == ["client-1"])
        #expect(token.conditionKeys["issuer.example/realm:oaud"] == ["resource", "sts.amazonaws.com"])
        let other = try await verified(["aud": #"["resource","client-1","sts.amazonaws.com"]"#, "OAUD": "\"forged\""])
        #expect(other.audience == "client-1")
        #expect(other.conditionKeys["issuer.example/realm:aud"] == ["client-1", "sts.amazonaws.com"])
        #expect(other.conditionKeys["issuer.example/realm:oaud"] == ["resource", "client-1", "sts.amazonaws.com"])
    }

    @Test func sessionTagsComeInTwoForms() async throws {
        let nested = try await verified([
            "https://aws.amazon.com/tags":
                #"{"principal_tags":{"Team":["red"],"Cost":["7"]},"transitive_tag_keys":["Team"]}"#,
            "https://aws.amazon.com/source_identity": "\"ann@corp\"",
        ])
        #expect(nested.tags == ["Team": "red", "Cost": "7"] && nested.transitiveTagKeys == ["Team"])
        #expect(nested.sourceIdentity == "ann@corp")
        let flat = try await verified([
            "https://aws.amazon.com/tags/principal_tags/Team": #"["red"]"#,
            "https://aws.amazon.com/tags/principal_tags/Cost": "\"7\"",
            "https://aws.amazon.com/tags/transitive_tag_keys": #"["Team"]"#,
        ])
        #expect(flat.tags == nested.tags && flat.transitiveTagKeys == nested.transitiveTagKeys && flat.sourceIdentity == nil)
    }
}
