package import WeirCore
import WeirText

/// A web identity token as it was sent (RFC 7519 in RFC 7515's compact form): parsed and bounded, **not verified**.
///
/// Header and claims are strict JSON, without repeated members, so that no two readers see different claims. Of the header only
/// `alg`, `kid` and `crit` are read: keys and addresses of keys that it offers (`jwk`, `jku`, `x5c`, `x5u`) are never used.
/// Its description and its mirror hide it.
package struct WebToken: Sendable, CustomStringConvertible, CustomReflectable {
    /// STS's bounds, in bytes.
    package static let length = 4...20_000
    /// More than any known issuer's.
    package static let maxClaims = 200
    package static let maxAudiences = 100

    package let algorithm: WebTokenAlgorithm
    /// Nil where the header names no key.
    package let keyID: String?
    /// `iss`, as it stands there.
    package let issuer: String
    /// `sub`: an opaque text, 1 to 255 bytes.
    package let subject: String
    /// `aud`, one at least.
    package let audiences: [String]
    /// `azp`.
    package let authorizedParty: String?
    package let claims: [String: JSONValue]
    /// The bytes that the signature covers.
    let signed: [UInt8]
    let signature: [UInt8]

    package init(_ text: String) throws(WebTokenFault) {
        guard Self.length.contains(text.utf8.count) else { throw .length }
        let parts = Array(text.utf8).split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .parts }
        let header = try Self.object(parts[0], "header")
        let claims = try Self.object(parts[1], "claims")
        guard let signature = Base64URL.decode(exactly: parts[2]), !signature.isEmpty else { throw .encoding("signature") }
        guard header["crit"] == nil else { throw .critical }
        algorithm = try Self.algorithm(header["alg"])
        if let id = header["kid"], id.string == nil { throw .header("kid") }
        keyID = header["kid"]?.string
        guard claims.count <= Self.maxClaims else { throw .tooManyClaims }
        // Condition keys are compared without regard to case: `SUB` must not stand for `sub`.
        guard Set(claims.keys.map { $0.lowercased() }).count == claims.count else { throw .claimsAlike }
        guard let issuer = claims["iss"]?.string, !issuer.isEmpty else { throw .claim("iss") }
        guard let subject = claims["sub"]?.string, (1...255).contains(subject.utf8.count) else { throw .claim("sub") }
        guard let audiences = claims["aud"]?.strings, (1...Self.maxAudiences).contains(audiences.count) else {
            throw .claim("aud")
        }
        if let party = claims["azp"], party.string == nil { throw .claim("azp") }
        self.issuer = issuer
        self.subject = subject
        self.audiences = audiences
        authorizedParty = claims["azp"]?.string
        self.claims = claims
        signed = Array(parts[0]) + [UInt8(ascii: ".")] + Array(parts[1])
        self.signature = signature
    }

    private static func algorithm(_ value: JSONValue?) throws(WebTokenFault) -> WebTokenAlgorithm {
        guard let name = value?.string else { throw .header("alg") }
        guard let algorithm = WebTokenAlgorithm.allCases.first(where: { $0.rawValue.utf8.elementsEqual(name.utf8) }) else {
            throw .algorithm(name.shownBriefly)
        }
        return algorithm
    }

    /// Deeper and longer than any known issuer's claims.
    private static func object(_ part: ArraySlice<UInt8>, _ name: String) throws(WebTokenFault) -> [String: JSONValue] {
        guard let bytes = Base64URL.decode(exactly: part) else { throw .encoding(name) }
        let value: JSONValue
        do throws(JSONError) { value = try JSONValue(parsing: bytes, depth: 16, values: 2_000) } catch {
            throw .json(name, "\(error)")
        }
        guard case .object(let members) = value else { throw .json(name, "no object") }
        return members
    }

    package var description: String { "(a web identity token)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a text lacks to be a web identity token that may be looked at further. Repeats nothing of the token but the name of its
/// algorithm.
package enum WebTokenFault: Error, Hashable, Sendable, CustomStringConvertible {
    case length
    case parts
    /// A part is not base64url.
    case encoding(String)
    /// A part is not strict JSON; why.
    case json(String, String)
    case algorithm(String)
    /// The header has `crit`: extensions that a reader must know or refuse (RFC 7515, 4.1.11).
    case critical
    /// A member of the header is missing or of the wrong type.
    case header(String)
    /// A claim is missing, empty, too long or of the wrong type.
    case claim(String)
    case tooManyClaims
    /// Two claims differ in case alone.
    case claimsAlike

    package var description: String {
        switch self {
        case .length: "it is not \(WebToken.length.lowerBound) to \(WebToken.length.upperBound) bytes long"
        case .parts: "it has not three parts with a dot between them"
        case .encoding(let part): "its \(part) is not base64url without padding"
        case .json(let part, let why): "its \(part) is not a JSON object: \(why)"
        case .algorithm(let name):
            "it is signed by '\(name)', which is none of \(WebTokenAlgorithm.allCases.map(\.rawValue).joined(separator: ", "))"
        case .critical: "its header has crit: extensions that are not known here"
        case .header(let member): "its header has no \(member) that is a text"
        case .claim(let name): "its claim \(name) is missing, empty, too long or of the wrong type"
        case .claimsAlike: "two of its claims differ in upper and lower case alone"
        case .tooManyClaims: "it has more than \(WebToken.maxClaims) claims"
        }
    }
}

extension String {
    /// A stranger's text for a sentence: 64 characters at most, and what is not printable ASCII as `?`.
    var shownBriefly: String {
        let shown = utf8.prefix(64).map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: shown, as: UTF8.self) + (utf8.count > 64 ? "…" : "")
    }
}
