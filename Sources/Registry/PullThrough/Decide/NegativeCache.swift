import Synchronization
import WeirCore

/// What upstream could not give, remembered for a while so that it is not asked the same in vain again: it was silent, refused,
/// or does not have it.
final class NegativeCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let values = Mutex(BoundedMap<Key, (value: Value, since: Timestamp, until: Timestamp)>(capacity: 10_000))

    func failure(of key: Key, at now: Timestamp) -> Value? {
        values.withLock { values in
            guard let known = values[key] else { return nil }
            // A clock that went back more than a minute would keep it for as long as that.
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
