import Crypto

/// A cache of unwrapped data keys, at most twice `generation` of them. When the young generation is full it becomes the old one,
/// and the previous old one is dropped. A hit in the old generation moves to the young one.
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

    /// For a destroyed key: the data keys that it wrapped must not stay usable.
    mutating func forget(_ sealingKey: SealingKey) {
        young = young.filter { $0.key.sealingKey != sealingKey }
        old = old.filter { $0.key.sealingKey != sealingKey }
    }
}
