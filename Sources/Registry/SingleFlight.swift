import Synchronization

/// Work that many tasks may want at once and that is done once: a task that asks while it runs gets the same result.
///
/// The work is a task of its own: it goes on when the client that asked first hangs up. Nothing is remembered once it has ended.
/// `CallerSingleFlight` is for loads that need no task.
final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let running = Mutex<[Key: Task<Value, any Error>]>([:])

    func join(_ key: Key, _ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await task(key, work).value
    }

    private func task(_ key: Key, _ work: @escaping @Sendable () async throws -> Value) -> Task<Value, any Error> {
        running.withLock { running in
            if let present = running[key] { return present }
            let task = Task { [self] in
                defer { self.running.withLock { $0[key] = nil } }
                return try await work()
            }
            running[key] = task
            return task
        }
    }

    /// Starts the work, unless it runs already, and waits for nothing.
    func begin(_ key: Key, _ work: @escaping @Sendable () async throws -> Value) {
        _ = task(key, work)
    }

    /// Cancels what runs and waits for it to end. For the end of the program.
    func close() async {
        let tasks = running.withLock { Array($0.values) }
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.result }
    }
}
