import Synchronization
package import WeirCore

/// Lets so many pass at a time; the more urgent first, and of those who came first.
///
/// Whoever passes gets a `Seat`, and gives it back by `leave()` or by letting go of it.
package final class Turnstile: Sendable {
    package final class Seat: Sendable {
        private let turnstile: Turnstile?
        private let hasLeft = Atomic(false)

        fileprivate init(_ turnstile: Turnstile?) { self.turnstile = turnstile }
        deinit { leave() }

        /// The seat of those who are not counted.
        package static var free: Seat { Seat(nil) }

        package func leave() {
            guard !hasLeft.exchange(true, ordering: .relaxed) else { return }
            turnstile?.leave()
        }
    }

    private struct Waiter {
        let id: Int
        let priority: UpstreamPriority
        let continuation: CheckedContinuation<Seat?, Never>
    }

    private struct State {
        var limit: Int
        var inside = 0
        var next = 0
        var waiting: [Waiter] = []

        /// Takes out those who may pass now.
        mutating func admitted() -> [CheckedContinuation<Seat?, Never>] {
            var admitted: [CheckedContinuation<Seat?, Never>] = []
            while inside < limit, let first = waiting.indices.min(by: { precedes($0, $1) }) {
                inside += 1
                admitted.append(waiting.remove(at: first).continuation)
            }
            return admitted
        }

        private func precedes(_ one: Int, _ other: Int) -> Bool {
            (waiting[one].priority, waiting[one].id) < (waiting[other].priority, waiting[other].id)
        }
    }

    private let state: Mutex<State>

    package init(limit: Int) { state = Mutex(State(limit: max(limit, 1))) }

    /// How many are waiting.
    package var queue: Int { state.withLock { $0.waiting.count } }

    /// A new limit; those who are inside stay.
    package func set(limit: Int) {
        let admitted = state.withLock { state -> [CheckedContinuation<Seat?, Never>] in
            guard state.limit != max(limit, 1) else { return [] }
            state.limit = max(limit, 1)
            return state.admitted()
        }
        for continuation in admitted { continuation.resume(returning: Seat(self)) }
    }

    /// Waits for a seat; nil where the task was cancelled first.
    package func enter(_ priority: UpstreamPriority) async -> Seat? {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Seat?, Never>) in
                let admitted = state.withLock { state -> [CheckedContinuation<Seat?, Never>]? in
                    if Task.isCancelled { return nil }
                    state.waiting.append(Waiter(id: id, priority: priority, continuation: continuation))
                    return state.admitted()
                }
                guard let admitted else {
                    continuation.resume(returning: nil)
                    return
                }
                for continuation in admitted { continuation.resume(returning: Seat(self)) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: nil)
        }
    }

    private func leave() {
        let admitted = state.withLock { state in
            state.inside -= 1
            return state.admitted()
        }
        for continuation in admitted { continuation.resume(returning: Seat(self)) }
    }
}
