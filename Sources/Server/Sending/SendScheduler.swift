import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Schedules the bodies that one event loop sends: after each part a body waits for its next turn, and between turns the loop
/// polls its sockets.
///
/// NIO's event loop runs all its tasks before it polls again, and a body whose client reads fast always has another task.
/// Unscheduled, a few fast clients keep the loop from accepting connections, reading requests and hearing upstream for seconds.
/// The scheduler learns that the loop has polled from a byte that it sends to itself through a pipe.
///
/// ```
///   poll ─▶ requests, responses, first parts ─▶ the next few bodies ─▶ byte into the pipe ─▶ poll …
/// ```
///
/// The benchmarks `cold-crowd` and `cold-rollout` (docs/benchmarks.md) show it: the delay of the first byte while a hundred
/// clients are sent layers.
package final class SendScheduler: Sendable {
    /// Bytes that are sent between two polls: about 0.5 ms of copying. A request needs some twelve polls from its first byte to
    /// its response, and each of them waits for so many bytes.
    private static let bytesPerPoll = 512 << 10

    private struct State {
        var waiting: CircularBuffer<CheckedContinuation<Void, Never>> = []
        /// A byte is on its way through the pipe.
        var isWakeupPending = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let pipe: any Channel

    /// Throws where the process may open no more files.
    static func make(on eventLoop: any EventLoop) async throws -> SendScheduler {
        let ends = try openPipe()
        let handler = Handler()
        let channel: any Channel
        do {
            channel = try await NIOPipeBootstrap(group: eventLoop)
                .channelInitializer { $0.pipeline.addHandler(handler) }
                .takingOwnershipOfDescriptors(input: ends.input, output: ends.output).get()
        } catch {
            closeDescriptor(ends.input)
            closeDescriptor(ends.output)
            throw error
        }
        let scheduler = SendScheduler(channel)
        handler.scheduler.withLock { $0 = scheduler }
        return scheduler
    }

    private init(_ pipe: any Channel) { self.pipe = pipe }

    /// Returns when the loop has polled its sockets and the bodies that came before have had their turn; at once after `close`.
    package func nextTurn() async {
        await withCheckedContinuation { continuation in
            let (mustWake, isClosed) = state.withLock { state in
                if state.isClosed { return (false, true) }
                state.waiting.append(continuation)
                defer { state.isWakeupPending = true }
                return (!state.isWakeupPending, false)
            }
            if mustWake { wake() }
            if isClosed { continuation.resume() }
        }
    }

    /// Ends all waiting, for the end of the server.
    func close() async {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
        try? await pipe.close()
    }

    private func wake() { pipe.writeAndFlush(ByteBuffer(bytes: [0]), promise: nil) }

    /// The loop has polled its sockets.
    fileprivate func polled() {
        let count = max(1, Self.bytesPerPoll / SendBufferBudget.current.part)
        let (turn, isMore) = state.withLock { state in
            let turn = (0..<min(count, state.waiting.count)).map { _ in state.waiting.removeFirst() }
            state.isWakeupPending = !state.waiting.isEmpty
            return (turn, state.isWakeupPending)
        }
        for continuation in turn { continuation.resume() }
        if isMore { wake() }
    }

    private final class Handler: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        let scheduler = Mutex<SendScheduler?>(nil)

        func channelReadComplete(context: ChannelHandlerContext) { scheduler.withLock { $0 }?.polled() }
        func handlerRemoved(context: ChannelHandlerContext) { scheduler.withLock { $0 = nil } }
    }
}

/// The caller owns both ends.
private func openPipe() throws -> (input: CInt, output: CInt) {
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0 else { throw IOError(errnoCode: errno, reason: "pipe") }
    return (ends[0], ends[1])
}

private func closeDescriptor(_ descriptor: CInt) { _ = close(descriptor) }
