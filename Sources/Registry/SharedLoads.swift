import Synchronization

/// One load for all who ask for the same while it runs: a hundred clients that begin together ask the database once.
///
/// The one who asks first loads, in its own task; where that fails, each of the others loads for itself, so that nobody fails
/// because somebody else hung up. Nothing is remembered once a load has ended.
final class SharedLoads<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private typealias Waiting = CheckedContinuation<Value?, Never>

    private let running = Mutex<[Key: [Waiting]]>([:])

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
            running[key] = []
            return true
        }
    }

    /// What the load came to that another one makes; nil where it failed, or has just ended.
    private func outcome(of key: Key) async -> Value? {
        await withCheckedContinuation { continuation in
            let isRunning = running.withLock { running in
                running[key]?.append(continuation)
                return running[key] != nil
            }
            if !isRunning { continuation.resume(returning: nil) }
        }
    }

    private func end(_ key: Key, _ value: Value?) {
        let waiting = running.withLock { $0.removeValue(forKey: key) } ?? []
        for continuation in waiting { continuation.resume(returning: value) }
    }
}
