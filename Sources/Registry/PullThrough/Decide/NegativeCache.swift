import Synchronization
import WeirCore

/// That upstream was silent or refused, remembered for a little while, so that it is not asked the same in vain again.
final class NegativeCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let values = Mutex(BoundedMap<Key, (value: Value, since: Timestamp, until: Timestamp)>(capacity: 10_000))

    func failure(of key: Key, at now: Timestamp) -> Value? {
        values.withLock { values in
            guard let known = values[key] else { return nil }
            // Where the clock went back it would be remembered for as long as that.
            if now < known.until, now - known.since > .seconds(-60) { return known.value }
            values[key] = nil
            return nil
        }
    }

    func remember(_ value: Value, of key: Key, at now: Timestamp, for length: Duration) {
        values.withLock { $0[key] = (value, now, now + length) }
    }

    func forget(_ key: Key) { values.withLock { $0[key] = nil } }
}
