// The keys that seal content. They are in memory from the start, so that a pull never reads one from the database.
//
// A registry's key or a KMS key (32 bytes, sealed in its row by the root key) wraps data keys. A wrapped data key is
//
//     ┌─────────────────────────────┬──────────────────────────────────────────────────────────────┐
//     │ 4 bytes, big-endian         │ `SealedValue` of the 32 bytes, bound to "data-key/" and the   │
//     │ version of the key's bytes  │ identity of the key that wraps                                │
//     └─────────────────────────────┴──────────────────────────────────────────────────────────────┘
//
// A key's state is checked at every use, also when the data key is cached: a key that was disabled a moment ago opens nothing.
// Changes go to the database first; the keyring follows after the commit (`Keys`).

package import Crypto
import NIOCore
import Synchronization
package import WeirCore

package final class Keyring: Sendable {
    private let database: any SQLDatabase
    private let root: RootKey
    private let clock: WallClock
    private let state = Mutex(KeyringState())

    package init(database: any SQLDatabase, root: RootKey, clock: WallClock) {
        self.database = database
        self.root = root
        self.clock = clock
    }

    /// Reads and unseals every key. Throws `KeyringError.wrongRootKey` if the root key is not the one that sealed this data.
    package func load() async throws {
        try await checkRoot()
        let registries = try await database.read { sql in try RegistryKeyTable.all(sql) }
        for row in registries {
            let key = try open(row.sealed, as: Self.purpose(row.registry))
            state.withLock { $0.hold(key, for: row.registry) }
        }
        let keys = try await database.read { sql in
            try KeyTable.all(sql).map { key in (key, try MaterialTable.all(of: key, sql)) }
        }
        for (key, materials) in keys { try hold(key, materials) }
    }

    /// Creates a registry's key if there is none yet; a KMS key must exist. Throws if the key may not be used.
    package func prepare(_ key: SealingKey) async throws {
        guard case .registry(let registry) = key, !state.withLock({ $0.holds(key) }) else { return try check(key) }
        let purpose = Self.purpose(registry)
        let sealed = try root.seal(RootKey.newBytes(), as: purpose)
        let now = clock.now
        // Another task or node may have been first: the stored row counts.
        let stored = try await database.write { sql in
            try RegistryKeyTable.insertIfAbsent(registry, sealed: sealed, at: now, sql)
            return try RegistryKeyTable.sealed(of: registry, sql)
        }
        let bytes = try open(stored, as: purpose)
        state.withLock { $0.hold(bytes, for: registry) }
    }

    /// A new data key, wrapped by `sealingKey`. Throws if that key is missing, disabled or pending deletion.
    package func generateDataKey(under sealingKey: SealingKey) throws -> DataKey {
        let sealingKey = sealingKey.canonical
        let material = try state.withLock { state throws(Refusal) in try state.material(of: sealingKey) }
        let key = SymmetricKey(size: .bits256)
        var wrapped: [UInt8] = []
        wrapped.append(bigEndian: UInt32(truncatingIfNeeded: material.version))
        wrapped += try SealedValue.seal(
            key.withUnsafeBytes { Array($0) }, with: material.bytes, binding: sealingKey.dataKeyBinding)
        return DataKey(key: key, wrapped: wrapped)
    }

    /// The data key in `wrapped`. Throws `SealError.damaged` if `sealingKey` did not wrap these bytes, and a refusal as
    /// `generateDataKey` does.
    package func unwrap(_ wrapped: [UInt8], under sealingKey: SealingKey) throws -> SymmetricKey {
        let sealingKey = sealingKey.canonical
        let stored = WrappedKey(sealingKey: sealingKey, bytes: wrapped)
        let known = try state.withLock { state throws(Refusal) in
            try state.check(sealingKey)
            return state.find(stored)
        }
        if let known { return known }
        guard wrapped.count > 4 else { throw SealError.damaged }
        let version = wrapped[..<4].reduce(Int64(0)) { $0 << 8 | Int64($1) }
        guard
            let material = try state.withLock({ state throws(Refusal) in
                try state.material(of: sealingKey, version: version)
            })
        else { throw SealError.damaged }
        let bytes = try SealedValue.open(Array(wrapped[4...]), with: material, binding: sealingKey.dataKeyBinding)
        let key = SymmetricKey(data: bytes)
        state.withLock { $0.remember(key, of: stored) }
        return key
    }

    /// Throws the refusal for a key that may not be used now. Cheap, since every pull calls it: only memory is read.
    package func check(_ key: SealingKey) throws {
        let key = key.canonical
        try state.withLock { state throws(Refusal) in try state.check(key) }
    }

    // MARK: - For Keys

    /// The bytes that seal now, with their version.
    func material(ofKMSKey arn: String) throws(Refusal) -> Material {
        let key = SealingKey.kms(arn: arn).canonical
        return try state.withLock { state throws(Refusal) in try state.material(of: key) }
    }

    func material(ofKMSKey arn: String, version: Int64) throws(Refusal) -> SymmetricKey? {
        let key = SealingKey.kms(arn: arn).canonical
        return try state.withLock { state throws(Refusal) in try state.material(of: key, version: version) }
    }

    /// New bytes for a version of a key, sealed for its row.
    func newSealedMaterial(ofKMSKey arn: String, version: Int64) throws -> [UInt8] {
        try root.seal(RootKey.newBytes(), as: Self.purpose(arn, version))
    }

    func hold(_ key: KMSKey, _ materials: [MaterialTable.Row]) throws {
        var opened: [Int64: SymmetricKey] = [:]
        for row in materials { opened[row.version] = try open(row.sealed, as: Self.purpose(key.arn, row.version)) }
        let held = HeldKey(key: key, materials: opened)
        state.withLock { $0.hold(held) }
    }

    func update(_ key: KMSKey) { state.withLock { $0.update(key) } }

    func destroy(_ arn: String) { state.withLock { $0.destroy(arn) } }

    func hasDue(at now: Timestamp) -> Bool { state.withLock { $0.hasDue(at: now) } }

    // MARK: - The root key

    private func checkRoot() async throws {
        let mark = try root.seal(Array("weir".utf8), as: "root-check")
        let stored = try await database.write { sql in
            try RootCheckTable.insertIfAbsent(mark, sql)
            return try RootCheckTable.sealed(sql)
        }
        guard (try? root.open(stored, as: "root-check")) != nil else { throw KeyringError.wrongRootKey }
    }

    private func open(_ sealed: [UInt8], as purpose: String) throws -> SymmetricKey {
        SymmetricKey(data: try root.open(sealed, as: purpose))
    }

    private static func purpose(_ registry: RegistryID) -> String { "registry-key/\(registry)" }
    private static func purpose(_ arn: String, _ version: Int64) -> String {
        "kms-material/\(RegistryID.formerARN(arn))/\(version)"
    }
}

extension SealingKey {
    fileprivate var dataKeyBinding: String {
        switch self {
        case .registry(let registry): "data-key/registry/\(registry)"
        case .kms(let arn): "data-key/\(arn)"
        }
    }
}

/// Why the keyring cannot be loaded.
package enum KeyringError: Error, CustomStringConvertible {
    case wrongRootKey

    package var description: String {
        "the root key is not the one this data was sealed with: restore the root key that belongs to it"
    }
}
