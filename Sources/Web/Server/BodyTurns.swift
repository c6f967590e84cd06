import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Lets the bodies that are sent from one event loop take turns, and the loop look at its sockets between them.
///
/// An event loop of NIO runs its tasks until none is left before it looks at its sockets again, and a body whose client takes
/// whatever it is given always has a task left: so a few fast clients would keep the loop from accepting, from reading the next
/// request and from hearing upstream, for seconds. Here a body that has sent a part waits in a queue. The queue goes on when the
/// loop has come to its sockets: it hears of that by a byte that it sends to itself through a pipe.
///
/// ```
///   sockets ─▶ requests, answers, first parts ─▶ a few of those that wait ─▶ byte into the pipe ─▶ sockets …
/// ```
package final class BodyTurns: Sendable {
    /// Sent between two looks at the sockets: half a millisecond's work, so that a request's dozen steps between sockets and
    /// tasks take few.
    private static let bytesAtOnce = 512 << 10

    private struct State {
        var waiting: CircularBuffer<CheckedContinuation<Void, Never>> = []
        /// A byte is on its way through the pipe.
        var isPoked = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let pipe: any Channel

    /// One for each event loop that sends. Throws where the process may open no more files.
    static func make(on eventLoop: any EventLoop) async throws -> BodyTurns {
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
        let turns = BodyTurns(channel)
        handler.turns.withLock { $0 = turns }
        return turns
    }

    private init(_ pipe: any Channel) { self.pipe = pipe }

    /// Returns when the loop has looked at its sockets and those who came before have had their turn.
    package func next() async {
        await withCheckedContinuation { continuation in
            let (isPoking, isClosed) = state.withLock { state in
                if state.isClosed { return (false, true) }
                state.waiting.append(continuation)
                defer { state.isPoked = true }
                return (!state.isPoked, false)
            }
            if isPoking { poke() }
            if isClosed { continuation.resume() }
        }
    }

    /// Nobody waits any more. For the end of the server.
    func close() async {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
        try? await pipe.close()
    }

    private func poke() { pipe.writeAndFlush(ByteBuffer(bytes: [0]), promise: nil) }

    /// The loop has come to its sockets.
    fileprivate func goOn() {
        let count = max(1, Self.bytesAtOnce / BodyShare.current.chunk)
        let (turn, isMore) = state.withLock { state in
            let turn = (0..<min(count, state.waiting.count)).map { _ in state.waiting.removeFirst() }
            state.isPoked = !state.waiting.isEmpty
            return (turn, state.isPoked)
        }
        for continuation in turn { continuation.resume() }
        if isMore { poke() }
    }

    private final class Handler: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        let turns = Mutex<BodyTurns?>(nil)

        func channelReadComplete(context: ChannelHandlerContext) { turns.withLock { $0 }?.goOn() }
        func handlerRemoved(context: ChannelHandlerContext) { turns.withLock { $0 = nil } }
    }
}

/// Its ends are the caller's.
private func openPipe() throws -> (input: CInt, output: CInt) {
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0 else { throw IOError(errnoCode: errno, reason: "pipe") }
    return (ends[0], ends[1])
}

private func closeDescriptor(_ descriptor: CInt) { _ = close(descriptor) }
