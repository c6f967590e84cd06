/// A server's last failure, for the message of a refusal.
package struct CircuitCause: Sendable {
    package let detail: String
    package let status: Int?

    package init(detail: String, status: Int?) {
        self.detail = detail
        self.status = status
    }
}

/// Circuits by key, bounded in number and in age.
///
/// Entries are dropped in the order of their last failure. Thousands of failing servers push out the oldest entries, at a small
/// cost for each.
package struct CircuitTable<Key: Hashable & Sendable> {
    package struct Entry {
        package var circuit: Circuit
        package var cause: CircuitCause
        package var probe: OneShot<Bool>?
        fileprivate var stamp: UInt64
        fileprivate var failedAt: Circuit.Instant
    }

    private let rules: Circuit.Rules
    private let limit: Int
    private let keptFor: Duration
    private var entries: [Key: Entry] = [:]
    /// Failures in order, the oldest first. An item is skipped where its entry has failed again since, or is gone.
    private var order: [(key: Key, stamp: UInt64)] = []
    private var head = 0
    private var stamps: UInt64 = 0
    /// The number of circuits that are not closed.
    package private(set) var open = 0

    /// - Parameter keptFor: how long an entry is kept after its last failure; at least twice the longest wait of `rules`.
    package init(_ rules: Circuit.Rules, limit: Int, keptFor: Duration = .seconds(600)) {
        self.rules = rules
        self.limit = limit
        self.keptFor = max(keptFor, rules.longestWait * 2)
    }

    package var count: Int { entries.count }

    package func entry(_ key: Key, at now: Circuit.Instant) -> Entry? {
        guard let entry = entries[key], entry.failedAt.duration(to: now) < keptFor else { return nil }
        return entry
    }

    /// Changes an entry; nil where there is none.
    package mutating func change<Value>(_ key: Key, _ body: (inout Entry) -> Value) -> Value? {
        guard var entry = entries.removeValue(forKey: key) else { return nil }
        if entry.circuit.isOpen { open -= 1 }
        let value = body(&entry)
        if entry.circuit.isOpen { open += 1 }
        entries[key] = entry
        return value
    }

    /// True where there was one.
    @discardableResult
    package mutating func remove(_ key: Key) -> Bool {
        guard let entry = entries.removeValue(forKey: key) else { return false }
        if entry.circuit.isOpen { open -= 1 }
        return true
    }

    /// Notes a failure. True where the circuit is not closed after it.
    package mutating func failed(
        _ key: Key, after cost: Duration, because cause: CircuitCause, at now: Circuit.Instant
    ) -> Bool {
        stamps += 1
        let known = entry(key, at: now)
        remove(key)
        var entry = known ?? Entry(circuit: Circuit(rules), cause: cause, probe: nil, stamp: 0, failedAt: now)
        entry.circuit.failed(after: cost, at: now)
        entry.cause = cause
        entry.stamp = stamps
        entry.failedAt = now
        entries[key] = entry
        if entry.circuit.isOpen { open += 1 }
        order.append((key, stamps))
        tidy(at: now)
        return entry.circuit.isOpen
    }

    /// Drops entries above the limit, the oldest first, and those older than `keptFor`.
    private mutating func tidy(at now: Circuit.Instant) {
        while head < order.count {
            let (key, stamp) = order[head]
            if let entry = entries[key], entry.stamp == stamp {
                guard entries.count > limit || entry.failedAt.duration(to: now) >= keptFor else { break }
                remove(key)
            }
            head += 1
        }
        // Each pass at least halves the list, so that a failure costs a few steps on average.
        guard order.count > 2 * limit + 64 else { return }
        order = order[head...].filter { entries[$0.key]?.stamp == $0.stamp }
        head = 0
    }
}

extension Circuit {
    var isOpen: Bool {
        if case .closed = state { false } else { true }
    }
}
