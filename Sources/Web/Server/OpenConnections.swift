import NIOCore
import Synchronization

/// The connections that are open: how many there may be, who is told of the server's end, and when the last of them has gone.
final class OpenConnections: Sendable {
    /// Told to every connection that must go at once, answered or not.
    struct CloseNow: Sendable {}

    private struct State {
        /// Accepted and not closed yet.
        var count = 0
        /// Those of them that can be told something.
        var channels: [ObjectIdentifier: any Channel] = [:]
        /// Requests whose client has gone and whose answer is still being worked out.
        var outliving = 0
        var isEnding = false
        /// Lets the server accept again; set while it holds back.
        var accept: (@Sendable () -> Void)?
        var waiting: [CheckedContinuation<Void, Never>] = []

        var isEmpty: Bool { count == 0 && outliving == 0 }
    }

    private let state = Mutex(State())
    private let most: Int

    init(most: Int) { self.most = most }

    // MARK: Coming and going

    /// True where another may be accepted now; where not, `accept` is called once, when one has gone.
    func hasRoom(_ accept: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            if state.count >= most { state.accept = accept }
            return state.count < most
        }
    }

    func accepted(_ channel: any Channel) {
        state.withLock { $0.count += 1 }
        channel.closeFuture.whenComplete { _ in
            self.leave { state in
                state.count -= 1
                state.channels[ObjectIdentifier(channel)] = nil
            }
        }
    }

    /// From now on it is told of the server's end. False where that has come already.
    func join(_ channel: any Channel) -> Bool {
        state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = channel
            return !state.isEnding
        }
    }

    /// A request's client has gone before its answer.
    func outlived() { state.withLock { $0.outliving += 1 } }

    /// The answer that nobody waits for is there.
    func finished() { leave { $0.outliving -= 1 } }

    private func leave(_ change: (inout sending State) -> Void) {
        let (accept, waiting) = state.withLock { state in
            change(&state)
            let accept = state.count < most ? state.accept.take() : nil
            guard state.isEmpty else { return (accept, [CheckedContinuation<Void, Never>]()) }
            defer { state.waiting = [] }
            return (accept, state.waiting)
        }
        accept?()
        for continuation in waiting { continuation.resume() }
    }

    // MARK: The end

    /// Asks every connection to close when it has answered what it was asked.
    func drain() { tell(ChannelShouldQuiesceEvent()) }

    /// Closes every connection.
    func closeNow() { tell(CloseNow()) }

    private func tell(_ event: some Sendable) {
        let channels = state.withLock { state in
            state.isEnding = true
            return Array(state.channels.values)
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(event) }
    }

    /// Returns when none is open and no request is being worked on.
    func untilNone() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if !state.isEmpty { state.waiting.append(continuation) }
                return state.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
    }
}

/// Takes no further connection while about as many are open as may be (it accepts a few at once): the next ones wait in the kernel's
/// queue, so that a flood cannot use up file descriptors.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let open: OpenConnections

    init(_ open: OpenConnections) { self.open = open }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        open.accepted(unwrapInboundIn(data))
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let hasRoom = open.hasRoom { loopBound.eventLoop.execute { loopBound.value.read() } }
        if hasRoom { context.read() }
    }
}

@available(*, unavailable)
extension AcceptGate: Sendable {}
