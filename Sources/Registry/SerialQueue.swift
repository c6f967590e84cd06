import Dispatch

/// Work done in order, on threads that may block, away from event loops and from the cooperative pool.
final class SerialQueue: Sendable {
    private let queue: DispatchQueue

    init(_ label: String) { queue = DispatchQueue(label: label) }

    /// Does the work after all that came before, and waits for nothing.
    func begin(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    /// Does the work after all that came before. The wait cannot be cancelled: the work's result counts, whatever it was for.
    func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
            queue.async { continuation.resume(with: Result { try work() }) }
        }
    }
}
