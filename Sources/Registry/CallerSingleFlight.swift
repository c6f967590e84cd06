import Synchronization
import WeirCore

/// One load for all tasks that want the same while it runs, made by the first of them: a hundred clients that begin together ask
/// the database once.
///
/// Where the first fails, each of the others loads for itself: none fails because another's client hung up. Nothing is remembered
/// once a load has ended. `SingleFlight` is for work that must outlive the first.
final class CallerSingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// A load that runs has an entry.
    private let running = Mutex<[Key: Waiters<Void, Value?>]>([:])

    func value(for key: Key, _ load: () async throws -> Value) async throws -> Value {
        guard begin(key) else {
            if let value = await outcome(of: key) { return value }
            return try await load()
        }
        do {
            let value = try await load()
            end(key, value)
            return value
        } catch {
            end(key, nil)
            throw error
        }
    }

    /// True for the one who loads.
    private func begin(_ key: Key) -> Bool {
        running.withLock { running in
            guard running[key] == nil else { return false }
            running[key] = Waiters()
            return true
        }
    }

    /// What another one's load came to; nil where it failed, or has just ended. Not to be cancelled: the load ends soon.
    private func outcome(of key: Key) async -> Value? {
        await running.wait { running, waiter -> Value?? in
            guard running[key] != nil else { return .some(nil) }
            running[key]?.append(waiter)
            return nil
        }
    }

    private func end(_ key: Key, _ value: Value?) {
        var waiting = running.withLock { $0.removeValue(forKey: key) } ?? Waiters()
        for waiter in waiting.removeAll() { waiter.resume(returning: value) }
    }
}
