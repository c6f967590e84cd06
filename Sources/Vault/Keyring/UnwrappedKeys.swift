import Crypto

/// The data keys unwrapped lately, at most twice `generation` of them: when the young generation is full, it becomes the old one
/// and the old one is forgotten. What is asked for again moves to the young one.
struct UnwrappedKeys {
    struct ID: Hashable {
        let sealingKey: SealingKey
        let wrapped: [UInt8]
    }

    private let generation: Int
    private var young: [ID: SymmetricKey] = [:]
    private var old: [ID: SymmetricKey] = [:]

    init(generation: Int) { self.generation = generation }

    var count: Int { young.count + old.count }

    mutating func find(_ id: ID) -> SymmetricKey? {
        if let key = young[id] { return key }
        guard let key = old.removeValue(forKey: id) else { return nil }
        insert(key, as: id)
        return key
    }

    mutating func insert(_ key: SymmetricKey, as id: ID) {
        if young.count >= generation {
            old = young
            young = [:]
        }
        young[id] = key
    }

    /// For a key that was destroyed: what it wrapped must not outlive it here.
    mutating func forget(_ sealingKey: SealingKey) {
        young = young.filter { $0.key.sealingKey != sealingKey }
        old = old.filter { $0.key.sealingKey != sealingKey }
    }
}
