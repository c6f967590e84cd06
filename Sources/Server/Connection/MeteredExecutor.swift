package import NIOCore
import Synchronization

/// Runs one connection's jobs on its event loop, and measures on demand how long they keep it.
///
/// The connection's handler and its socket share a thread with its tasks: no hop to the cooperative pool for each chunk, and the
/// chunk is still in the core's cache when it is sent. Nothing that blocks may run on it.
package final class MeteredExecutor: TaskExecutor {
    private struct Meter {
        var spent: Int64 = 0
        var jobBegan: NIODeadline?

        mutating func jobEnded(at now: NIODeadline) {
            if let began = jobBegan.take() { spent += (now - began).nanoseconds }
        }
    }

    let eventLoop: any EventLoop
    private let isOn = Atomic(false)
    /// Only the event loop's thread locks it: it is always free.
    private let meter = Mutex(Meter())

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { self.run(job) }
    }

    private func run(_ job: UnownedJob) {
        if isOn.load(ordering: .relaxed) { meter.withLock { $0.jobBegan = .now() } }
        job.runSynchronously(on: asUnownedTaskExecutor())
        // The job itself may have switched it on or off.
        if isOn.load(ordering: .relaxed) { meter.withLock { $0.jobEnded(at: .now()) } }
    }

    /// Measures from now on, including the rest of the job that is running.
    package func begin() {
        meter.withLock { $0 = Meter(jobBegan: .now()) }
        isOn.store(true, ordering: .relaxed)
    }

    /// Subtracts what a layer's bytes may cost.
    package func forgive(_ bytes: Int) {
        guard isOn.load(ordering: .relaxed) else { return }
        meter.withLock { $0.spent -= Int64(bytes * ClientThrottle.Costs.layersByte) }
    }

    /// How long jobs have run since `begin`, including the one that is running.
    package func end() -> TimeAmount {
        isOn.store(false, ordering: .relaxed)
        return meter.withLock { meter in
            meter.jobEnded(at: .now())
            return .nanoseconds(max(0, meter.spent))
        }
    }
}

/// The executors of one event loop's connections. They live as long as the server, since a task does not retain its executor; so
/// connections share them one after the other.
package final class ExecutorPool: Sendable {
    private struct State {
        var all: [MeteredExecutor] = []
        var free: [MeteredExecutor] = []
    }

    private let eventLoop: any EventLoop
    private let state = Mutex(State())

    package init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    package func lend() -> ExecutorLease {
        let executor = state.withLock { state in
            if let executor = state.free.popLast() { return executor }
            let executor = MeteredExecutor(eventLoop)
            state.all.append(executor)
            return executor
        }
        return ExecutorLease(executor: executor, pool: self)
    }

    fileprivate func takeBack(_ executor: MeteredExecutor) { state.withLock { $0.free.append(executor) } }
}

/// An executor that goes back to its pool when the last reference to this lease goes.
package final class ExecutorLease: Sendable {
    package let executor: MeteredExecutor
    private let pool: ExecutorPool

    fileprivate init(executor: MeteredExecutor, pool: ExecutorPool) {
        self.executor = executor
        self.pool = pool
    }

    deinit { pool.takeBack(executor) }
}
