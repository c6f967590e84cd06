import Crypto
import CryptoExtras
import WeirCore
import WeirText

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A public key of an issuer (RFC 7517), checked when it was read: it can verify, and is strong enough to.
package struct JSONWebKey: Sendable {
    package static let rsaBits = 2_048...8_192
    package static let maxKeyIDBytes = 256

    private enum Material: Sendable {
        case rsa(_RSA.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
    }

    package let keyID: String?
    /// The one algorithm that it is for, where it says one.
    package let algorithm: WebTokenAlgorithm?
    private let material: Material

    /// Why a key of a set is not used.
    package enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
        /// Neither RSA nor one of the three curves.
        case kind
        /// For encryption, or not for verifying.
        case use
        /// It has a private or secret part, which must not be published.
        case secret
        case algorithm
        case keyID
        /// Of so many bits.
        case size(Int)
        /// Its numbers are not written as they must be, or are no key.
        case numbers

        package var description: String {
            switch self {
            case .kind: "it is neither RSA nor on P-256, P-384 or P-521"
            case .use: "it is not for verifying signatures"
            case .secret: "its secret part is published"
            case .algorithm: "it is for another algorithm than RS256 to RS512 and ES256 to ES512"
            case .keyID: "its kid is no text of 1 to \(JSONWebKey.maxKeyIDBytes) bytes"
            case .size(let bits): "it is RSA with \(bits) bits, and not \(rsaBits.lowerBound) to \(rsaBits.upperBound)"
            case .numbers: "its numbers make no public key"
            }
        }
    }

    init(_ value: JSONValue) throws(Fault) {
        guard value["d"] == nil, value["k"] == nil else { throw .secret }
        if let use = value["use"], use.string != "sig" { throw .use }
        if let operations = value["key_ops"] {
            guard case .array(let names) = operations, names.contains(.string("verify")) else { throw .use }
        }
        if let id = value["kid"] {
            guard let id = id.string, (1...Self.maxKeyIDBytes).contains(id.utf8.count) else { throw .keyID }
        }
        keyID = value["kid"]?.string
        if let name = value["alg"] {
            guard let known = name.string.flatMap({ WebTokenAlgorithm(rawValue: $0) }) else { throw .algorithm }
            algorithm = known
        } else {
            algorithm = nil
        }
        switch value["kty"]?.string {
        case "RSA": material = try Self.rsa(value)
        case "EC": material = try Self.curve(value)
        default: throw .kind
        }
    }

    /// Whether this key may be used with `algorithm`: its type and curve are that algorithm's, and it says no other.
    package func fits(_ algorithm: WebTokenAlgorithm) -> Bool {
        guard self.algorithm == nil || self.algorithm == algorithm else { return false }
        return switch (material, algorithm) {
        case (.rsa, .rs256), (.rsa, .rs384), (.rsa, .rs512): true
        case (.p256, .es256), (.p384, .es384), (.p521, .es512): true
        default: false
        }
    }

    /// Whether `signature` is this key's over `signed`. False where the key does not fit the algorithm.
    ///
    /// An RSA signature is as long as its modulus (RFC 8017, 8.2.2); an ECDSA one is `r` and `s` side by side, each as long as
    /// the curve's order (RFC 7518, 3.4), and never DER.
    func verifies(_ signature: [UInt8], of signed: [UInt8], by algorithm: WebTokenAlgorithm) -> Bool {
        guard fits(algorithm) else { return false }
        switch (material, algorithm) {
        case (.rsa(let key), .rs256): return Self.verifies(signature, SHA256.hash(data: signed), key)
        case (.rsa(let key), .rs384): return Self.verifies(signature, SHA384.hash(data: signed), key)
        case (.rsa(let key), .rs512): return Self.verifies(signature, SHA512.hash(data: signed), key)
        case (.p256(let key), .es256):
            guard signature.count == 64, let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: SHA256.hash(data: signed))
        case (.p384(let key), .es384):
            guard signature.count == 96, let signature = try? P384.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: SHA384.hash(data: signed))
        case (.p521(let key), .es512):
            guard signature.count == 132, let signature = try? P521.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(signature, for: SHA512.hash(data: signed))
        default: return false
        }
    }

    private static func verifies(_ signature: [UInt8], _ digest: some Crypto.Digest, _ key: _RSA.Signing.PublicKey) -> Bool {
        guard signature.count == (key.keySizeInBits + 7) / 8 else { return false }
        return key.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: signature), for: digest, padding: .insecurePKCS1v1_5)
    }

    private static func rsa(_ value: JSONValue) throws(Fault) -> Material {
        guard let text = value["n"]?.string else { throw .numbers }
        // What is far too long is not even decoded: six bits a character.
        guard text.utf8.count <= rsaBits.upperBound / 6 + 8 else { throw .size(text.utf8.count * 6) }
        // Some issuers write a zero byte first, as a signed number would have it.
        guard let n = Base64URL.decode(exactly: text.utf8)?.drop(while: { $0 == 0 }), let top = n.first,
            let e = number(value["e"], most: 8)?.drop(while: { $0 == 0 })
        else { throw .numbers }
        let bits = n.count * 8 - top.leadingZeroBitCount
        guard rsaBits.contains(bits) else { throw .size(bits) }
        // 65537 and its kin: an exponent of 1 verifies everything, and a long one costs time.
        guard (1...4).contains(e.count), e.last.map({ $0 & 1 == 1 }) == true, e != [1],
            let key = try? _RSA.Signing.PublicKey(n: Data(n), e: Data(e))
        else { throw .numbers }
        return .rsa(key)
    }

    private static func curve(_ value: JSONValue) throws(Fault) -> Material {
        let curves: [String: Int] = ["P-256": 32, "P-384": 48, "P-521": 66]
        guard let name = value["crv"]?.string, let size = curves[name] else { throw .kind }
        guard let x = number(value["x"], most: size), x.count == size, let y = number(value["y"], most: size), y.count == size
        else { throw .numbers }
        // Refused where the point is not on the curve.
        let point = [0x04] + x + y
        let material: Material? =
            switch name {
            case "P-256": (try? P256.Signing.PublicKey(x963Representation: point)).map { .p256($0) }
            case "P-384": (try? P384.Signing.PublicKey(x963Representation: point)).map { .p384($0) }
            default: (try? P521.Signing.PublicKey(x963Representation: point)).map { .p521($0) }
            }
        guard let material else { throw .numbers }
        return material
    }

    private static func number(_ value: JSONValue?, most: Int) -> [UInt8]? {
        guard let text = value?.string, text.utf8.count <= most * 4 / 3 + 2 else { return nil }
        return Base64URL.decode(exactly: text.utf8)
    }
}
