import Synchronization
package import WeirCore

/// Lets so many pass at a time; the more urgent first, and equals in the order in which they came.
package final class PrioritySemaphore: Sendable {
    /// The right to be one of those who passed. It ends by `release()`, or when the last reference to it goes.
    package final class Permit: Sendable {
        private let semaphore: PrioritySemaphore?
        private let isReleased = Atomic(false)

        fileprivate init(_ semaphore: PrioritySemaphore?) { self.semaphore = semaphore }
        deinit { release() }

        /// A permit that does not count.
        package static var free: Permit { Permit(nil) }

        package func release() {
            guard !isReleased.exchange(true, ordering: .relaxed) else { return }
            semaphore?.change { $0.taken -= 1 }
        }
    }

    private struct State {
        var limit: Int
        var taken = 0
        var waiting = Waiters<UpstreamPriority, Permit>()

        /// Takes out the waiters that may pass now.
        mutating func admitted() -> [Waiter<Permit>] {
            var admitted: [Waiter<Permit>] = []
            while taken < limit, let next = waiting.popMin(by: <) {
                taken += 1
                admitted.append(next.waiter)
            }
            return admitted
        }
    }

    private let state: Mutex<State>

    package init(limit: Int) { state = Mutex(State(limit: max(limit, 1))) }

    /// How many are waiting.
    package var queue: Int { state.withLock { $0.waiting.count } }

    /// Sets a new limit. Permits that are out stay valid, also where they are more.
    package func set(limit: Int) { change { $0.limit = max(limit, 1) } }

    /// Waits for a permit. Throws where the task was cancelled first.
    package func acquire(_ priority: UpstreamPriority) async throws(CancellationError) -> Permit {
        try await state.wait { state, waiter in
            // No waiter is left while there is room, so none is overtaken.
            if state.taken < state.limit {
                state.taken += 1
                return Permit(self)
            }
            state.waiting.append(waiter, wish: priority)
            return nil
        } leave: {
            $0.waiting.remove($1)
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let admitted = state.withLock { state in
            body(&state)
            return state.admitted()
        }
        for waiter in admitted { waiter.resume(returning: Permit(self)) }
    }
}
