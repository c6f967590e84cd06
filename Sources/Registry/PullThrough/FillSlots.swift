import Synchronization

/// How many fills may run at once for one rule: a queue, first come first served. A browser of ten layers must not open
/// ten connections for each of its hundred images.
final class FillSlots: Sendable {
    private struct Lane {
        var running = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let limit: Int
    private let lanes = Mutex<[String: Lane]>([:])

    init(limit: Int) { self.limit = limit }

    /// Runs `body` when a slot of `owner` is free.
    func withSlot<Value: Sendable>(
        of owner: String, _ body: () async throws -> Value
    ) async rethrows -> Value {
        await enter(owner)
        defer { leave(owner) }
        return try await body()
    }

    private func enter(_ owner: String) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let free = lanes.withLock { lanes in
                if lanes[owner, default: Lane()].running < limit {
                    lanes[owner, default: Lane()].running += 1
                    return true
                }
                lanes[owner]?.waiting.append(continuation)
                return false
            }
            if free { continuation.resume() }
        }
    }

    private func leave(_ owner: String) {
        let next = lanes.withLock { lanes -> CheckedContinuation<Void, Never>? in
            guard var lane = lanes[owner] else { return nil }
            // The slot goes to the next in line as it is: `running` stays.
            let next = lane.waiting.isEmpty ? nil : lane.waiting.removeFirst()
            if next == nil { lane.running -= 1 }
            lanes[owner] = lane.running == 0 ? nil : lane
            return next
        }
        next?.resume()
    }
}
