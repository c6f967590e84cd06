import Crypto
import CryptoExtras
import Foundation
import Synchronization
import WeirCore
import WeirIdentity
import WeirText

/// Keys of an issuer, made once for all tests.
enum IssuerKey: Sendable {
    case rsa(_RSA.Signing.PrivateKey)
    case p256(P256.Signing.PrivateKey)
    case p384(P384.Signing.PrivateKey)
    case p521(P521.Signing.PrivateKey)

    static let first = IssuerKey.rsa(made { try _RSA.Signing.PrivateKey(keySize: .bits2048) })
    static let other = IssuerKey.rsa(made { try _RSA.Signing.PrivateKey(keySize: .bits2048) })
    static let weak = IssuerKey.rsa(made { try _RSA.Signing.PrivateKey(unsafeKeySize: .init(bitCount: 1_024)) })
    static let curve256 = IssuerKey.p256(P256.Signing.PrivateKey())
    static let curve384 = IssuerKey.p384(P384.Signing.PrivateKey())
    static let curve521 = IssuerKey.p521(P521.Signing.PrivateKey())

    private static func made<Key>(_ make: () throws -> Key) -> Key {
        do { return try make() } catch { fatalError("no key: \(error)") }
    }

    /// Members of its JWK.
    var members: [String: String] {
        switch self {
        case .rsa(let key):
            guard let numbers = try? key.publicKey.getKeyPrimitives() else { return [:] }
            return [
                "kty": "RSA", "n": Base64URL.encode(numbers.modulus), "e": Base64URL.encode(numbers.publicExponent),
            ]
        case .p256(let key): return Self.point("P-256", key.publicKey.rawRepresentation)
        case .p384(let key): return Self.point("P-384", key.publicKey.rawRepresentation)
        case .p521(let key): return Self.point("P-521", key.publicKey.rawRepresentation)
        }
    }

    private static func point(_ curve: String, _ raw: Data) -> [String: String] {
        [
            "kty": "EC", "crv": curve, "x": Base64URL.encode(raw.prefix(raw.count / 2)),
            "y": Base64URL.encode(raw.suffix(raw.count / 2)),
        ]
    }

    func jwk(_ id: String?, _ more: [String: String] = [:]) -> [String: String] {
        members.merging(id.map { ["kid": $0] } ?? [:]) { $1 }.merging(more) { $1 }
    }

    /// PEM, as a public key is published.
    var pem: String {
        switch self {
        case .rsa(let key): key.publicKey.pemRepresentation
        case .p256(let key): key.publicKey.pemRepresentation
        case .p384(let key): key.publicKey.pemRepresentation
        case .p521(let key): key.publicKey.pemRepresentation
        }
    }

    /// The signature of `text` by `algorithm`'s hash, whether it fits this key or not.
    func signature(_ text: String, _ algorithm: String = "RS256") throws -> [UInt8] {
        let bytes = Data(text.utf8)
        switch self {
        case .rsa(let key):
            let padding = _RSA.Signing.Padding.insecurePKCS1v1_5
            switch algorithm {
            case "RS384": return Array(try key.signature(for: SHA384.hash(data: bytes), padding: padding).rawRepresentation)
            case "RS512": return Array(try key.signature(for: SHA512.hash(data: bytes), padding: padding).rawRepresentation)
            default: return Array(try key.signature(for: SHA256.hash(data: bytes), padding: padding).rawRepresentation)
            }
        case .p256(let key): return Array(try key.signature(for: SHA256.hash(data: bytes)).rawRepresentation)
        case .p384(let key): return Array(try key.signature(for: SHA384.hash(data: bytes)).rawRepresentation)
        case .p521(let key): return Array(try key.signature(for: SHA512.hash(data: bytes)).rawRepresentation)
        }
    }
}

/// What tokens of the tests say, unless they say otherwise.
enum Minting {
    static let issuer = "https://issuer.example/realm"
    static let now = Timestamp(seconds: 1_800_000_000)

    /// Claims as JSON members, in their order; a nil takes one out.
    static func claims(_ changes: [String: String?] = [:]) -> String {
        var members: [String: String] = [
            "iss": "\"\(issuer)\"", "sub": "\"repo:o/r:ref:refs/heads/main\"", "aud": "\"sts.amazonaws.com\"",
            "exp": "1800000300", "nbf": "1799999990", "iat": "1799999990", "jti": "\"one\"",
        ]
        for (name, value) in changes { members[name] = value }
        return "{" + members.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
    }

    static func header(_ algorithm: String = "RS256", kid: String? = "a", _ more: String = "") -> String {
        let id = kid.map { ",\"kid\":\(JSONText.quoted($0))" } ?? ""
        return "{\"alg\":\"\(algorithm)\",\"typ\":\"JWT\"\(id)\(more)}"
    }

    static func unsigned(_ header: String, _ claims: String) -> String {
        Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(claims.utf8))
    }

    static func token(
        _ changes: [String: String?] = [:], header: String = header(), by key: IssuerKey = .first, hash: String = "RS256"
    ) throws -> String {
        let text = unsigned(header, claims(changes))
        return text + "." + Base64URL.encode(try key.signature(text, hash))
    }

    static func keySet(_ keys: [[String: String]]) -> [UInt8] {
        let texts = keys.map { key in
            "{" + key.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\(JSONText.quoted($0.value))" }.joined(separator: ",") + "}"
        }
        return Array("{\"keys\":[\(texts.joined(separator: ","))]}".utf8)
    }

    /// Of every type one key.
    static let keys = keySet([
        IssuerKey.first.jwk("a", ["use": "sig", "alg": "RS256"]), IssuerKey.first.jwk("any"), IssuerKey.other.jwk("b"),
        IssuerKey.curve256.jwk("c256"), IssuerKey.curve384.jwk("c384"), IssuerKey.curve521.jwk("c521"),
        IssuerKey.first.jwk("enc", ["use": "enc"]), IssuerKey.weak.jwk("weak"), IssuerKey.first.jwk("384", ["alg": "RS384"]),
    ])
}

/// An issuer that the tests let answer.
final class FakeIssuer: IssuerKeys {
    struct Manner: Sendable {
        var named: String?
        var keysURL: String?
        var keys = Minting.keys
        var maxAge: Duration?
        var error: IssuerKeysError?
        /// Where set, fetches wait until it is released.
        var gate: Gate?
    }

    private let state = Mutex((manner: Manner(), asked: [String]()))

    var manner: Manner {
        get { state.withLock { $0.manner } }
        set { state.withLock { $0.manner = newValue } }
    }
    var asked: [String] { state.withLock { $0.asked } }
    /// Questions for keys.
    var fetches: Int { asked.count { $0.hasSuffix("openid-configuration") } }

    func document(at url: String, of issuer: String, maxBytes: Int) async throws(IssuerKeysError) -> IssuerDocument {
        let manner = state.withLock { state in
            state.asked.append(url)
            return state.manner
        }
        await manner.gate?.pass()
        if let error = manner.error { throw error }
        guard url.hasSuffix("/.well-known/openid-configuration") else {
            guard manner.keys.count <= maxBytes else { throw IssuerKeysError(.invalid, "too long") }
            return IssuerDocument(bytes: manner.keys, maxAge: manner.maxAge)
        }
        let configuration =
            #"{"issuer":"\#(manner.named ?? issuer)","jwks_uri":"\#(manner.keysURL ?? "https://keys.example/jwks")"}"#
        return IssuerDocument(bytes: Array(configuration.utf8))
    }
}

/// Opens once; until then tasks wait at it.
final class Gate: Sendable {
    private let state = Mutex((isOpen: false, waiting: Waiters<Void, Void>()))

    var waiting: Int { state.withLock { $0.waiting.count } }

    func pass() async {
        await state.wait { state, waiter -> Void? in
            if state.isOpen { return () }
            state.waiting.append(waiter)
            return nil
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            return state.waiting.removeAll()
        }
        for waiter in waiting { waiter.resume() }
    }
}

/// A clock that tests set.
final class SetClock: Sendable {
    private let moment = Mutex(Minting.now)

    var clock: WallClock { WallClock { self.moment.withLock { $0 } } }
    func set(_ seconds: Int64) { moment.withLock { $0 = Minting.now + .seconds(seconds) } }
}
