/// Something took longer than it may.
struct TimeLimitPassed: Error {}

/// Runs `body`, and cancels it when `limit` has passed.
func within<Value: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw TimeLimitPassed()
        }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}
