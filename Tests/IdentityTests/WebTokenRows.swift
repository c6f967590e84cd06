import Crypto
import Foundation
import Testing
import WeirCore
import WeirIdentity
import WeirText

/// Web identity tokens, and the step that must refuse each.
enum WebTokenRows {
    /// A token, and what must become of it.
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let step: TokenStep?
        let code: TokenRefusal.Code?
        let token: @Sendable () throws -> String
        var testDescription: String { name }

        /// Refused by `step`.
        init(
            _ step: TokenStep, _ name: String, _ code: TokenRefusal.Code = .invalidIdentityToken,
            _ token: @escaping @Sendable () throws -> String
        ) {
            (self.name, self.step, self.code, self.token) = (name, step, code, token)
        }

        /// Taken.
        init(taken name: String, _ token: @escaping @Sendable () throws -> String) {
            (self.name, step, code, self.token) = (name, nil, nil, token)
        }
    }

    /// By HMAC, as a verifier would check it that takes the algorithm from the token and the public key for the secret.
    private static func hmac(_ secret: [UInt8], _ algorithm: String = "HS256") -> String {
        let text = Minting.unsigned(Minting.header(algorithm), Minting.claims())
        let code = HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: SymmetricKey(data: secret))
        return text + "." + Base64URL.encode(Array(code))
    }

    private static func raw(_ header: String, _ claims: String = Minting.claims()) throws -> String {
        let text = Minting.unsigned(header, claims)
        return text + "." + Base64URL.encode(try IssuerKey.first.signature(text))
    }

    /// By the curve key, the signature changed.
    private static func curve(_ kid: String = "c256", _ algorithm: String = "ES256", _ change: ([UInt8]) -> [UInt8]) throws
        -> String
    {
        let text = Minting.unsigned(Minting.header(algorithm, kid: kid), Minting.claims())
        return text + "." + Base64URL.encode(change(try IssuerKey.curve256.signature(text)))
    }

    static let order256: [UInt8] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e,
        0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ]

    static let first: [Row] = [
        Row(.token, "empty") { "" },
        Row(.token, "three bytes") { "a.b" },
        Row(.token, "two parts") { Minting.unsigned(Minting.header(), Minting.claims()) },
        Row(.token, "five parts, as an encrypted token has") { try Minting.token() + ".AAAA.AAAA" },
        Row(.token, "20,000 dots") { String(repeating: ".", count: 20_000) },
        Row(.token, "20,001 bytes") { try Minting.token(["pad": "\"\(String(repeating: "x", count: 15_000))\""]) },
        Row(.token, "an access token that is no JWT") { "ya29.a0AfH6SMBx-opaque" },
        Row(.token, "a padded part") { try Minting.token().replacing(".", with: "=.") },
        Row(.token, "the other base64 alphabet") { "e30+." + "e30/." + "AAAA" },
        Row(.token, "a line break in it") { try Minting.token().replacing(".", with: "\n.") },
        Row(.token, "the JSON serialisation") {
            #"{"payload":"e30","signatures":[{"header":{"alg":"RS256"},"signature":"AAAA"}]}"#
        },
        Row(.token, "no signature") { Minting.unsigned(Minting.header(), Minting.claims()) + "." },
        Row(.token, "alg none") { Minting.unsigned(Minting.header("none"), Minting.claims()) + "." },
        Row(.token, "alg none with a signature") { try raw(Minting.header("none")) },
        Row(.token, "alg None") { try raw(Minting.header("None")) },
        Row(.token, "alg empty") { try raw(Minting.header("")) },
        Row(.token, "alg missing") { try raw(#"{"kid":"a"}"#) },
        Row(.token, "alg a list") { try raw(#"{"alg":["RS256"],"kid":"a"}"#) },
        Row(.token, "alg in another case") { try raw(Minting.header("rs256")) },
        Row(.token, "HS256 with the public key's PEM as secret") { hmac(Array(IssuerKey.first.pem.utf8)) },
        Row(.token, "HS256 with the public key's DER as secret") {
            hmac(Array(Data(base64Encoded: IssuerKey.first.pem.split(separator: "\n").dropFirst().dropLast().joined()) ?? Data()))
        },
        Row(.token, "HS256 with the modulus as secret") { hmac(Array((IssuerKey.first.members["n"] ?? "").utf8)) },
        Row(.token, "HS256 with an empty secret") { hmac([]) },
        Row(.token, "HS384") { hmac([], "HS384") },
        Row(.token, "PS256") { try raw(Minting.header("PS256")) },
        Row(.token, "ES256K") { try raw(Minting.header("ES256K")) },
        Row(.token, "EdDSA") { try raw(Minting.header("EdDSA")) },
        Row(.token, "crit") { try raw(Minting.header(kid: "a", #","crit":["exp"]"#)) },
        Row(.token, "crit, empty") { try raw(Minting.header(kid: "a", #","crit":[]"#)) },
        Row(.token, "two alg members") { try raw(#"{"alg":"RS256","alg":"none","kid":"a"}"#) },
        Row(.token, "kid a number") { try raw(#"{"alg":"RS256","kid":1}"#) },
        Row(.token, "two sub members") { try raw(Minting.header(), #"{"sub":"x",\#(Minting.claims().dropFirst())"#) },
        Row(.token, "two aud members") { try raw(Minting.header(), #"{"aud":"x",\#(Minting.claims().dropFirst())"#) },
        Row(.token, "sub, spelt with an escape, twice") {
            try raw(Minting.header(), #"{"\u0073ub":"x",\#(Minting.claims().dropFirst())"#)
        },
        Row(.token, "SUB beside sub") { try Minting.token(["SUB": "\"admin\""]) },
        Row(.token, "claims that are a list") { try raw(Minting.header(), "[]") },
        Row(.token, "claims nested too deeply") {
            try Minting.token(["x": String(repeating: "[", count: 500) + String(repeating: "]", count: 500)])
        },
        Row(.token, "exp NaN") { try Minting.token(["exp": "NaN"]) },
        Row(.token, "exp 1e400") { try Minting.token(["exp": "1e400"]) },
        Row(.token, "no iss") { try Minting.token(["iss": nil]) },
        Row(.token, "iss a number") { try Minting.token(["iss": "1"]) },
        Row(.token, "no sub") { try Minting.token(["sub": nil]) },
        Row(.token, "an empty sub") { try Minting.token(["sub": "\"\""]) },
        Row(.token, "a sub of 256 bytes") { try Minting.token(["sub": "\"\(String(repeating: "x", count: 256))\""]) },
        Row(.token, "no aud") { try Minting.token(["aud": nil]) },
        Row(.token, "an empty list of aud") { try Minting.token(["aud": "[]"]) },
        Row(.token, "aud with a number in it") { try Minting.token(["aud": #"["sts.amazonaws.com",1]"#]) },
        Row(.token, "azp a list") { try Minting.token(["azp": #"["client-1"]"#]) },
        Row(.token, "201 claims") {
            try Minting.token(Dictionary(uniqueKeysWithValues: (0..<201).map { ("c\($0)", "1") }))
        },
    ]

    static let second: [Row] = [
        Row(.provider, "another issuer") { try Minting.token(["iss": "\"https://evil.example\""]) },
        Row(.provider, "a slash more") { try Minting.token(["iss": "\"\(Minting.issuer)/\""]) },
        Row(.provider, "upper case") { try Minting.token(["iss": "\"https://ISSUER.example/realm\""]) },
        Row(.provider, "no scheme") { try Minting.token(["iss": "\"issuer.example/realm\""]) },
        Row(.provider, "http") { try Minting.token(["iss": "\"http://issuer.example/realm\""]) },
        Row(.provider, "a NUL") { try Minting.token(["iss": #""https://issuer.example/realm\u0000""#]) },
        Row(.provider, "a query") { try Minting.token(["iss": "\"\(Minting.issuer)?x\""]) },
        Row(.provider, "user information") { try Minting.token(["iss": "\"https://issuer.example@evil.example/realm\""]) },
    ]

    static let third: [Row] = [
        Row(.key, "an unknown kid") { try Minting.token(header: Minting.header(kid: "z")) },
        Row(.key, "kid a path") { try Minting.token(header: Minting.header(kid: "../../../dev/null")) },
        Row(.key, "kid SQL") { try Minting.token(header: Minting.header(kid: "' OR '1'='1")) },
        Row(.key, "kid with a NUL") { try Minting.token(header: Minting.header(kid: "a\u{0}")) },
        Row(.key, "kid empty") { try Minting.token(header: Minting.header(kid: "")) },
        Row(.key, "kid of 10 KB") { try Minting.token(header: Minting.header(kid: String(repeating: "a", count: 10_000))) },
        Row(.key, "no kid, and several keys that fit") { try Minting.token(header: Minting.header(kid: nil)) },
        Row(.key, "its own key in jwk") {
            try Minting.token(header: Minting.header(kid: "z", #","jwk":\#(one(IssuerKey.other.jwk("z")))"#), by: .other)
        },
        Row(.key, "addresses of keys in jku and x5u") {
            try Minting.token(
                header: Minting.header(kid: "z", #","jku":"https://evil.example/jwks","x5u":"https://evil.example/c""#))
        },
    ]

    private static func one(_ jwk: [String: String]) -> String {
        String(decoding: Minting.keySet([jwk]), as: UTF8.self).dropFirst(9).dropLast(2).description
    }

    static let fourth: [Row] = [
        Row(.signature, "signed by another key of the set") { try Minting.token(by: .other) },
        Row(.signature, "signed by another key, which it carries in jwk") {
            try Minting.token(
                header: Minting.header(kid: "a", #","jwk":\#(one(IssuerKey.other.jwk("a"))),"x5c":["MIIB"]"#), by: .other)
        },
        Row(.signature, "a claim changed after it was signed") {
            let parts = try Minting.token().split(separator: ".")
            let changed = Base64URL.encode(Array(Minting.claims(["sub": "\"admin\""]).utf8))
            return "\(parts[0]).\(changed).\(parts[2])"
        },
        Row(.signature, "RS256 with a curve's key") { try Minting.token(header: Minting.header(kid: "c256")) },
        Row(.signature, "ES256 with an RSA key") { try Minting.token(header: Minting.header("ES256"), by: .curve256) },
        Row(.signature, "ES256 with a P-384 key") {
            try Minting.token(header: Minting.header("ES256", kid: "c384"), by: .curve384)
        },
        Row(.signature, "ES384 with a P-256 key") {
            try Minting.token(header: Minting.header("ES384", kid: "c256"), by: .curve256)
        },
        Row(.signature, "RS256 by a key that is for RS384") { try Minting.token(header: Minting.header(kid: "384")) },
        Row(.signature, "RS512 said, RS256 signed") { try Minting.token(header: Minting.header("RS512", kid: "any")) },
        Row(.signature, "a key for encryption") { try Minting.token(header: Minting.header(kid: "enc")) },
        Row(.signature, "RSA with 1,024 bits") { try Minting.token(header: Minting.header(kid: "weak"), by: .weak) },
        Row(.signature, "RSA, a byte less") {
            let token = try Minting.token()
            let cut = token.lastIndex(of: ".") ?? token.endIndex
            let signature = Base64URL.decode(String(token[token.index(after: cut)...])) ?? []
            return token[...cut] + Base64URL.encode(signature.dropLast())
        },
        Row(.signature, "RSA, zeros") {
            Minting.unsigned(Minting.header(), Minting.claims()) + "." + Base64URL.encode([UInt8](repeating: 0, count: 256))
        },
        Row(.signature, "r and s zero") { try curve { _ in [UInt8](repeating: 0, count: 64) } },
        Row(.signature, "r zero") { try curve { [UInt8](repeating: 0, count: 32) + $0.suffix(32) } },
        Row(.signature, "s zero") { try curve { $0.prefix(32) + [UInt8](repeating: 0, count: 32) } },
        Row(.signature, "r and s the order of the curve") { try curve { _ in order256 + order256 } },
        Row(.signature, "s the order of the curve") { try curve { $0.prefix(32) + order256 } },
        Row(.signature, "r beyond the order of the curve") { try curve { [UInt8](repeating: 0xff, count: 32) + $0.suffix(32) } },
        Row(.signature, "63 bytes") { try curve { Array($0.dropLast()) } },
        Row(.signature, "65 bytes") { try curve { $0 + [0] } },
        Row(.signature, "65 bytes, a zero first") { try curve { [0] + $0 } },
        Row(.signature, "DER") {
            try curve { Array((try? P256.Signing.ECDSASignature(rawRepresentation: $0).derRepresentation) ?? Data()) }
        },
    ]

    static let fifth: [Row] = [
        Row(.dates, "no exp") { try Minting.token(["exp": nil]) },
        Row(.dates, "exp a text") { try Minting.token(["exp": "\"1800000300\""]) },
        Row(.dates, "exp null") { try Minting.token(["exp": "null"]) },
        Row(.dates, "exp true") { try Minting.token(["exp": "true"]) },
        Row(.dates, "exp negative") { try Minting.token(["exp": "-1"]) },
        Row(.dates, "exp minus zero point five") { try Minting.token(["exp": "-0.5"]) },
        Row(.dates, "exp the least number") { try Minting.token(["exp": "-9223372036854775808"]) },
        Row(.dates, "exp the largest number") { try Minting.token(["exp": "9223372036854775807"]) },
        Row(.dates, "exp beyond 64 bits") { try Minting.token(["exp": "99999999999999999999"]) },
        Row(.dates, "exp 1e300") { try Minting.token(["exp": "1e300"]) },
        Row(.dates, "exp in milliseconds") { try Minting.token(["exp": "1800000300000"]) },
        Row(.dates, "over for 60 s", .expiredToken) { try Minting.token(["exp": "1799999940"]) },
        Row(.dates, "over for a year", .expiredToken) { try Minting.token(["exp": "1768464000"]) },
        Row(.dates, "exp zero", .expiredToken) { try Minting.token(["exp": "0"]) },
        Row(.dates, "nbf in 61 s") { try Minting.token(["nbf": "1800000061"]) },
        Row(.dates, "iat in 61 s") { try Minting.token(["iat": "1800000061"]) },
        Row(.dates, "nbf a text") { try Minting.token(["nbf": "\"0\""]) },
        Row(.dates, "iat negative") { try Minting.token(["iat": "-5"]) },
    ]

    static let sixth: [Row] = [
        Row(.audience, "another audience") { try Minting.token(["aud": "\"other\""]) },
        Row(.audience, "a list of others") { try Minting.token(["aud": #"["other","another"]"#]) },
        Row(.audience, "another azp, though aud is right") { try Minting.token(["azp": "\"other\""]) },
        Row(.audience, "an empty azp") { try Minting.token(["azp": "\"\""]) },
        Row(.audience, "in another case") { try Minting.token(["aud": "\"STS.amazonaws.com\""]) },
    ]

    static let seventh: [Row] = [
        Row(.tags, "tags that are a text") { try Minting.token(["https://aws.amazon.com/tags": "\"x\""]) },
        Row(.tags, "principal_tags that are a list") {
            try Minting.token(["https://aws.amazon.com/tags": #"{"principal_tags":[]}"#])
        },
        Row(.tags, "a tag with two values") {
            try Minting.token(["https://aws.amazon.com/tags": #"{"principal_tags":{"team":["a","b"]}}"#])
        },
        Row(.tags, "a tag without a value") {
            try Minting.token(["https://aws.amazon.com/tags": #"{"principal_tags":{"team":[]}}"#])
        },
        Row(.tags, "a tag in both forms") {
            try Minting.token([
                "https://aws.amazon.com/tags": #"{"principal_tags":{"team":["a"]}}"#,
                "https://aws.amazon.com/tags/principal_tags/team": "\"b\"",
            ])
        },
        Row(.tags, "transitive keys that are a number") {
            try Minting.token(["https://aws.amazon.com/tags": #"{"transitive_tag_keys":1}"#])
        },
        Row(.tags, "51 tags") {
            let tags = (0..<51).map { #""t\#($0)":["v"]"# }.joined(separator: ",")
            return try Minting.token(["https://aws.amazon.com/tags": #"{"principal_tags":{\#(tags)}}"#])
        },
        Row(.tags, "a source identity with a space") { try Minting.token(["https://aws.amazon.com/source_identity": "\"a b\""]) },
        Row(.tags, "a source identity that is a list") {
            try Minting.token(["https://aws.amazon.com/source_identity": #"["ann"]"#])
        },
    ]

    static let taken: [Row] = [
        Row(taken: "RS256") { try Minting.token() },
        Row(taken: "RS384") { try Minting.token(header: Minting.header("RS384", kid: "any"), hash: "RS384") },
        Row(taken: "RS512") { try Minting.token(header: Minting.header("RS512", kid: "any"), hash: "RS512") },
        Row(taken: "ES256") { try curve { $0 } },
        Row(taken: "ES384") { try Minting.token(header: Minting.header("ES384", kid: "c384"), by: .curve384) },
        Row(taken: "ES512") { try Minting.token(header: Minting.header("ES512", kid: "c521"), by: .curve521) },
        Row(taken: "no kid, and one key that fits") {
            try Minting.token(header: Minting.header("ES256", kid: nil), by: .curve256)
        },
        Row(taken: "over for 59 s") { try Minting.token(["exp": "1799999941"]) },
        Row(taken: "from in 60 s") { try Minting.token(["nbf": "1800000060", "iat": "1800000060"]) },
        Row(taken: "a fraction of a second") { try Minting.token(["exp": "1800000000.75"]) },
        Row(taken: "without nbf and iat") { try Minting.token(["nbf": nil, "iat": nil]) },
        Row(taken: "azp, and aud another") { try Minting.token(["azp": "\"client-1\"", "aud": "\"resource\""]) },
        Row(taken: "one of several aud") { try Minting.token(["aud": #"["other","client-1"]"#]) },
    ]

    static let rows = first + second + third + fourth + fifth + sixth + seventh + taken
}
