import Synchronization
import WeirCore

/// A value that comes once, for every task that waits for it. Unlike `Task.value`, waiting for it ends when the waiting task is
/// cancelled.
package final class OneShot<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiting = Waiters<Void, Value>()
    }

    private let state = Mutex(State())

    package init() {}

    /// Gives the value to all who wait and will wait. The first one counts.
    package func resolve(with value: Value) {
        let waiting = state.withLock { state in
            if state.value == nil { state.value = value }
            return state.waiting.removeAll()
        }
        for waiter in waiting { waiter.resume(returning: value) }
    }

    /// Throws where the task was cancelled before the value came.
    package func value() async throws(CancellationError) -> Value {
        try await state.wait { state, waiter in
            if state.value == nil { state.waiting.append(waiter) }
            return state.value
        } leave: {
            $0.waiting.remove($1)
        }
    }
}
