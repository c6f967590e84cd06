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
    private let executors: [ObjectIdentifier: EventLoopExecutor]
    private let turns: [ObjectIdentifier: BodyTurns]

    /// Throws where the process may open no more files.
    package init(_ group: any EventLoopGroup) async throws {
        var executors: [ObjectIdentifier: EventLoopExecutor] = [:]
        var turns: [ObjectIdentifier: BodyTurns] = [:]
        for eventLoop in Array(group.makeIterator()) {
            executors[ObjectIdentifier(eventLoop)] = EventLoopExecutor(eventLoop)
            do {
                turns[ObjectIdentifier(eventLoop)] = try await BodyTurns.make(on: eventLoop)
            } catch {
                for turns in turns.values { await turns.close() }
                throw error
            }
        }
        self.executors = executors
        self.turns = turns
    }

    /// nil for an event loop of another group: its tasks then run where Swift puts them.
    package func executor(of eventLoop: any EventLoop) -> (any TaskExecutor)? { executors[ObjectIdentifier(eventLoop)] }

    package func turns(of eventLoop: any EventLoop) -> BodyTurns? { turns[ObjectIdentifier(eventLoop)] }

    /// For the end of the server.
    package func close() async {
        for turns in turns.values { await turns.close() }
    }
}
