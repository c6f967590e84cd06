package import NIOCore

/// Runs a task's jobs on one event loop, so that a connection's handler and its socket share a thread: no hop to the cooperative
/// pool for each chunk, and the chunk is still in the core's cache when it is sent. Nothing that blocks may run on it.
final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// What this server has for each event loop of a group: the executor of its connections' tasks, and the queue of the bodies that it
/// sends. They live as long as the server: a running task does not keep its executor.
package struct EventLoops: Sendable {
    package struct Loop: Sendable {
        package let executor: any TaskExecutor
        package let turns: BodyTurns
    }

    private let loops: [ObjectIdentifier: Loop]

    /// Throws where the process may open no more files.
    package init(_ group: any EventLoopGroup) async throws {
        var loops: [ObjectIdentifier: Loop] = [:]
        for eventLoop in Array(group.makeIterator()) {
            do {
                loops[ObjectIdentifier(eventLoop)] = Loop(
                    executor: EventLoopExecutor(eventLoop), turns: try await BodyTurns.make(on: eventLoop))
            } catch {
                for loop in loops.values { await loop.turns.close() }
                throw error
            }
        }
        self.loops = loops
    }

    /// The event loop is one of the group's.
    package subscript(_ eventLoop: any EventLoop) -> Loop {
        guard let loop = loops[ObjectIdentifier(eventLoop)] else { preconditionFailure("Not an event loop of this server") }
        return loop
    }

    /// For the end of the server.
    package func close() async {
        for loop in loops.values { await loop.turns.close() }
    }
}
