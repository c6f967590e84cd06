import Crypto
import WeirCore

/// A data key as it is stored.
struct WrappedKey: Hashable {
    let sealingKey: SealingKey
    let bytes: [UInt8]
}

/// The keyring's state, without its lock.
struct KeyringState {
    private var registries: [RegistryID: SymmetricKey] = [:]
    /// Keyed by `RegistryID.formerARN`, as every `SealingKey` here is (`canonical`).
    private var keys: [String: HeldKey] = [:]
    private var destroyed: Set<String> = []
    /// The data keys unwrapped lately.
    private var unwrapped = BoundedMap<WrappedKey, SymmetricKey>(capacity: 16_384)

    func holds(_ key: SealingKey) -> Bool {
        switch key {
        case .registry(let registry): registries[registry] != nil
        case .kms(let arn): keys[arn] != nil
        }
    }

    /// The bytes of `key` that seal now. Throws if it is missing or may not be used.
    func material(of key: SealingKey) throws(Refusal) -> Material {
        switch key {
        case .registry(let registry):
            guard let bytes = registries[registry] else { throw .registryKeyMissing(registry) }
            return Material(version: 1, bytes: bytes)
        case .kms(let arn):
            let held = try usable(arn)
            guard let bytes = held.materials[held.key.material] else { throw .keyMissing(arn) }
            return Material(version: held.key.material, bytes: bytes)
        }
    }

    /// The bytes of one version; nil if there is no such version. Throws if the key may not be used.
    func material(of key: SealingKey, version: Int64) throws(Refusal) -> SymmetricKey? {
        switch key {
        case .registry(let registry):
            guard let bytes = registries[registry] else { throw .registryKeyMissing(registry) }
            return version == 1 ? bytes : nil
        case .kms(let arn):
            return try usable(arn).materials[version]
        }
    }

    func check(_ key: SealingKey) throws(Refusal) {
        switch key {
        case .registry(let registry):
            guard registries[registry] != nil else { throw .registryKeyMissing(registry) }
        case .kms(let arn):
            _ = try usable(arn)
        }
    }

    private func usable(_ arn: String) throws(Refusal) -> HeldKey {
        guard let held = keys[arn] else { throw .keyMissing(arn) }
        try held.key.checkUsable()
        return held
    }

    mutating func find(_ key: WrappedKey) -> SymmetricKey? { unwrapped[key] }

    /// Caches an unwrapped data key, unless its KMS key was destroyed while it was being unwrapped.
    mutating func remember(_ key: SymmetricKey, of wrapped: WrappedKey) {
        if holds(wrapped.sealingKey) { unwrapped[wrapped] = key }
    }

    mutating func hold(_ key: SymmetricKey, for registry: RegistryID) { registries[registry] = key }

    /// Takes a key's new state unless a newer one is held: commits may be reported in another order than they happened.
    mutating func hold(_ new: HeldKey) {
        let arn = RegistryID.formerARN(new.key.arn)
        if let known = keys[arn], known.key.revision > new.key.revision { return }
        // A destroyed key never comes back: its id is not reused.
        if destroyed.contains(arn) { return }
        keys[arn] = new
    }

    /// The same for a change that leaves the key's bytes as they are.
    mutating func update(_ new: KMSKey) {
        let arn = RegistryID.formerARN(new.arn)
        guard let held = keys[arn], held.key.revision <= new.revision else { return }
        keys[arn]?.key = new
    }

    mutating func destroy(_ arn: String) {
        let arn = RegistryID.formerARN(arn)
        keys[arn] = nil
        destroyed.insert(arn)
        // What it wrapped must not outlive it here.
        unwrapped.removeAll { $0.sealingKey == .kms(arn: arn) }
    }

    func hasDue(at now: Timestamp) -> Bool {
        keys.values.contains { held in held.due.map { $0 <= now } ?? false }
    }
}

extension Refusal {
    static func registryKeyMissing(_ registry: RegistryID) -> Self {
        Refusal(.kmsKeyNotFound, "The registry \(registry) has no key for AES256 content yet.")
    }
}
