/// A map whose values never cost more than `capacity` together: the bound on what is remembered under keys from outside.
///
/// Its values lie in a young and an old half. What is written goes to the young half, and what is read moves there. Where the
/// young half is full, it becomes the old one, and what the old one held is forgotten: all at once, so that each write costs the
/// same on average.
@usableFromInline package struct BoundedMap<Key: Hashable, Value> {
    @usableFromInline var young: [Key: Value] = [:]
    @usableFromInline var youngCost = 0
    @usableFromInline var old: [Key: Value] = [:]
    @usableFromInline let half: Int
    @usableFromInline let cost: (@Sendable (Value) -> Int)?

    /// - Parameters:
    ///   - capacity: what all values together may cost. A value that costs more than half of it is not kept: it would drive out
    ///     everything else.
    ///   - cost: of one value, the same each time it is asked. Where none is given, each costs 1.
    package init(capacity: Int, cost: (@Sendable (Value) -> Int)? = nil) {
        half = max(1, capacity / 2)
        self.cost = cost
    }

    package var count: Int { young.count + old.count }
    package var isEmpty: Bool { young.isEmpty && old.isEmpty }

    @inlinable package subscript(key: Key) -> Value? {
        mutating get {
            if let value = young[key] { return value }
            guard !old.isEmpty, let value = old.removeValue(forKey: key) else { return nil }
            put(value, for: key)
            return value
        }
        set {
            if let newValue { put(newValue, for: key) } else { remove(key) }
        }
    }

    /// - Parameter make: the value to begin with, where there is none.
    @inlinable package subscript(key: Key, default make: @autoclosure () -> Value) -> Value {
        mutating get { self[key] ?? make() }
        set { put(newValue, for: key) }
    }

    package mutating func removeAll() {
        young.removeAll(keepingCapacity: true)
        youngCost = 0
        old = [:]
    }

    /// Looks at all of them.
    package mutating func removeAll(where isMeant: (Key) -> Bool) {
        for key in young.keys.filter(isMeant) + old.keys.filter(isMeant) { remove(key) }
    }

    @inlinable mutating func put(_ value: Value, for key: Key) {
        guard let cost else {
            if youngCost >= half, young.index(forKey: key) == nil { age() }
            guard young.updateValue(value, forKey: key) == nil else { return }
            youngCost += 1
            if !old.isEmpty { old.removeValue(forKey: key) }
            return
        }
        remove(key)
        let added = cost(value)
        guard added <= half else { return }
        if youngCost + added > half { age() }
        young[key] = value
        youngCost += added
    }

    @inlinable mutating func remove(_ key: Key) {
        if let gone = young.removeValue(forKey: key) { youngCost -= cost.map { $0(gone) } ?? 1 }
        if !old.isEmpty { old.removeValue(forKey: key) }
    }

    @inlinable mutating func age() {
        old = young
        young = [:]
        youngCost = 0
    }
}

extension BoundedMap: Sendable where Key: Sendable, Value: Sendable {}
