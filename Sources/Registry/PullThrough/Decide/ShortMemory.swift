import Synchronization
import WeirCore

/// What upstream's silence or refusal is remembered by, for a little while: so that it is not asked the same in vain again and
/// again. Bounded: when full, everything is forgotten and asked anew.
final class ShortMemory<Value: Sendable>: Sendable {
    private static var capacity: Int { 10_000 }

    private let values = Mutex<[PullKey: (value: Value, since: Timestamp, until: Timestamp)]>([:])

    func failure(of key: PullKey, at now: Timestamp) -> Value? {
        values.withLock { values in
            guard let known = values[key] else { return nil }
            // Where the clock went back it would be remembered for as long as that.
            if now < known.until, now - known.since > .seconds(-60) { return known.value }
            values[key] = nil
            return nil
        }
    }

    func remember(_ value: Value, of key: PullKey, at now: Timestamp, for length: Duration) {
        values.withLock { values in
            if values.count >= Self.capacity { values = [:] }
            values[key] = (value, now, now + length)
        }
    }

    func forget(_ key: PullKey) { values.withLock { $0[key] = nil } }
}
