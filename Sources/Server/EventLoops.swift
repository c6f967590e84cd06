package import NIOCore

/// What the server keeps for each event loop of a group: the executors of its connections' tasks, and the scheduler of the bodies
/// that it sends.
package struct EventLoops: Sendable {
    package struct Loop: Sendable {
        package let executors: ExecutorPool
        package let scheduler: SendScheduler
    }

    package var count: Int { loops.count }

    private let loops: [ObjectIdentifier: Loop]

    /// Throws where the process may open no more files.
    package init(_ group: any EventLoopGroup) async throws {
        var loops: [ObjectIdentifier: Loop] = [:]
        for eventLoop in Array(group.makeIterator()) {
            do {
                loops[ObjectIdentifier(eventLoop)] = Loop(
                    executors: ExecutorPool(eventLoop), scheduler: try await SendScheduler.make(on: eventLoop))
            } catch {
                for loop in loops.values { await loop.scheduler.close() }
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
        for loop in loops.values { await loop.scheduler.close() }
    }
}
