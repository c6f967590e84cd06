package import Crypto

/// The key that protects all secrets: 32 bytes, kept outside the database. Its printed form reveals nothing.
///
/// It never seals by itself: each use has a key derived from it (HKDF-SHA256), so that a leaked derived key reveals nothing about
/// the others. The program reads it from a file or the environment.
package struct RootKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package static let size = 32

    private let key: SymmetricKey
    private let values: SymmetricKey

    /// Throws unless there are exactly 32 bytes.
    package init(bytes: [UInt8]) throws(RootKeyError) {
        guard bytes.count == Self.size else { throw RootKeyError(count: bytes.count) }
        key = SymmetricKey(data: bytes)
        values = Self.derive("sealed-values", from: key)
    }

    /// 32 new random bytes, for the first start.
    package static func newBytes() -> [UInt8] {
        SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
    }

    /// The key derived for one purpose, such as `registry-token`. Always the same.
    package func derive(_ purpose: String) -> SymmetricKey {
        Self.derive("purpose/" + purpose, from: key)
    }

    /// Seals a small value (format: `SealedValue`). `purpose` is authenticated with it: it must say what the value is and whose,
    /// such as `access-key/AKIA…`, and be the same when the value is opened.
    package func seal(_ plain: [UInt8], as purpose: String) throws -> [UInt8] {
        try SealedValue.seal(plain, with: values, binding: purpose)
    }

    /// Throws `SealError.damaged` if the bytes were changed, or were sealed for another purpose or under another root key.
    package func open(_ sealed: [UInt8], as purpose: String) throws -> [UInt8] {
        try SealedValue.open(sealed, with: values, binding: purpose)
    }

    private static func derive(_ info: String, from key: SymmetricKey) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Array("weir/1/\(info)".utf8), outputByteCount: 32)
    }

    package var description: String { "(the root key)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// The given root key is not 32 bytes long.
package struct RootKeyError: Error, Equatable, CustomStringConvertible {
    package let count: Int

    package var description: String { "the root key must be 32 bytes, not \(count): restore it from its backup" }
}
