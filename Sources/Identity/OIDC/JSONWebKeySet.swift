import WeirCore

/// The keys of one issuer (RFC 7517, 5). Keys that cannot be used here are left out, with the reason: issuers publish keys for
/// other purposes, and of other kinds, beside those of their tokens.
package struct JSONWebKeySet: Sendable {
    package static let maxBytes = 256 * 1024
    package static let maxKeys = 100

    package struct Unusable: Sendable {
        package let keyID: String?
        package let fault: JSONWebKey.Fault
    }

    package let keys: [JSONWebKey]
    package let unusable: [Unusable]

    /// Why bytes are no key set.
    package enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
        case tooLong
        case json(String)
        case noKeys
        case tooManyKeys

        package var description: String {
            switch self {
            case .tooLong: "the key set is longer than \(JSONWebKeySet.maxBytes) bytes"
            case .json(let why): "the key set is not strict JSON: \(why)"
            case .noKeys: "the key set has no list of keys"
            case .tooManyKeys: "the key set has more than \(JSONWebKeySet.maxKeys) keys"
            }
        }
    }

    /// Strict JSON. A set without a usable key is one too: `isEmpty`.
    package init(parsing bytes: some Collection<UInt8>) throws(Fault) {
        guard bytes.count <= Self.maxBytes else { throw .tooLong }
        let value: JSONValue
        // A hundred keys have about 1,500 values, chains of certificates included.
        do throws(JSONError) { value = try JSONValue(parsing: bytes, depth: 8, values: 5_000) } catch {
            throw .json("\(error)")
        }
        guard case .array(let entries) = value["keys"] else { throw .noKeys }
        guard entries.count <= Self.maxKeys else { throw .tooManyKeys }
        var keys: [JSONWebKey] = []
        var unusable: [Unusable] = []
        for entry in entries {
            do throws(JSONWebKey.Fault) { keys.append(try JSONWebKey(entry)) } catch {
                let id = entry["kid"]?.string.flatMap { $0.utf8.count <= JSONWebKey.maxKeyIDBytes ? $0 : nil }
                unusable.append(Unusable(keyID: id, fault: error))
            }
        }
        self.keys = keys
        self.unusable = unusable
    }

    package var isEmpty: Bool { keys.isEmpty }

    /// Whether it has an answer to that `kid`: a key, or the reason why one is not used. To fetch it anew is then no help.
    package func knows(_ keyID: String?) -> Bool {
        guard let keyID else { return !keys.isEmpty }
        return keys.contains { Self.isSame($0.keyID, keyID) } || unusable.contains { Self.isSame($0.keyID, keyID) }
    }

    /// Why there is no key for a token.
    package enum Miss: Error, Hashable, Sendable, CustomStringConvertible {
        case unknown(String)
        case unusable(String, JSONWebKey.Fault)
        /// There is one, of a type or for an algorithm that is not the token's.
        case unfit(String?, WebTokenAlgorithm)
        /// The token names no key, and several would fit.
        case ambiguous

        package var description: String {
            switch self {
            case .unknown(let id): "the issuer has no key '\(id.shownBriefly)'"
            case .unusable(let id, let fault): "the issuer's key '\(id.shownBriefly)' is not used: \(fault)"
            case .unfit(let id, let algorithm):
                id.map { "the issuer's key '\($0.shownBriefly)' is not for \(algorithm.rawValue)" }
                    ?? "the issuer has no key for \(algorithm.rawValue)"
            case .ambiguous: "the token names no key (kid), and the issuer has several that would fit"
            }
        }
    }

    /// The key that the token names; where it names none, the only one that fits.
    func key(for token: WebToken) throws(Miss) -> JSONWebKey {
        guard let keyID = token.keyID else {
            let fitting = keys.filter { $0.fits(token.algorithm) }
            guard let only = fitting.first else { throw .unfit(nil, token.algorithm) }
            guard fitting.count == 1 else { throw .ambiguous }
            return only
        }
        let named = keys.filter { Self.isSame($0.keyID, keyID) }
        if let key = named.first(where: { $0.fits(token.algorithm) }) { return key }
        guard named.isEmpty else { throw .unfit(keyID, token.algorithm) }
        if let unusable = unusable.first(where: { Self.isSame($0.keyID, keyID) }) { throw .unusable(keyID, unusable.fault) }
        throw .unknown(keyID)
    }

    /// Byte for byte: to Swift, two texts that look alike are equal.
    private static func isSame(_ one: String?, _ other: String) -> Bool { one.map { $0.utf8.elementsEqual(other.utf8) } ?? false }
}
