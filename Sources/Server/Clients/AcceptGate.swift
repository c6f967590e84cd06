import Logging
import NIOCore

/// In the listening socket's pipeline: accepts no further connection while about `maxConnections` are open (sixteen are accepted
/// at once). The next ones wait in the kernel's queue, so that a flood cannot use up file descriptors.
///
/// If the process has no descriptor left all the same, it stops accepting for 200 ms: the kernel would wake it again at once, for
/// ever.
///
/// While layers go to others, a client whose connections cost more than its share waits: its next ones are accepted, and handled
/// when their turn comes.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    /// After an accept that failed.
    private static let pause = TimeAmount.milliseconds(200)
    /// Between two looks for a place, where none was given up.
    private static let retry = TimeAmount.seconds(1)
    /// Between two log lines that say so.
    private static let quiet = TimeAmount.seconds(60)

    private let open: OpenConnections
    private let throttles: ClientThrottles
    private let cost: TimeAmount
    private let logger: Logger
    private var isPausing = false
    private var isLooking = false
    private var lastTold: NIODeadline?

    init(_ open: OpenConnections, throttles: ClientThrottles, isSecure: Bool, logger: Logger) {
        self.open = open
        self.throttles = throttles
        cost = ClientThrottle.Costs.connection + (isSecure ? ClientThrottle.Costs.handshake : .zero)
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        open.accepted(channel)
        let throttle = throttles.throttle(of: ClientGroup(channel.remoteAddress))
        throttle.opened()
        channel.closeFuture.whenComplete { _ in throttle.closed() }
        let gate = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let mayBegin = throttle.mayBegin(costing: cost, at: context.eventLoop.now, on: context.eventLoop) {
            gate.eventLoop.execute { gate.value.0.letIn(channel, gate.value.1) }
        }
        if mayBegin { context.fireChannelRead(data) }
    }

    /// Its turn has come. It may have been closed to make room before.
    private func letIn(_ channel: any Channel, _ context: ChannelHandlerContext) {
        guard open.isOpen(channel) else { return }
        guard context.channel.isActive else { return channel.close(promise: nil) }
        context.fireChannelRead(wrapInboundOut(channel))
    }

    func read(context: ChannelHandlerContext) {
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let hasRoom = open.hasRoom { loopBound.eventLoop.execute { loopBound.value.read() } }
        guard !hasRoom else { return context.read() }
        if !isLooking { lookAgain(context) }
    }

    /// A connection that was asked to close may have been busy.
    private func lookAgain(_ context: ChannelHandlerContext) {
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        isLooking = true
        context.eventLoop.scheduleTask(in: Self.retry) {
            let (gate, context) = loopBound.value
            gate.isLooking = false
            if context.channel.isActive, gate.open.makeRoomWhereAwaited() { gate.lookAgain(context) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is IOError else { return context.fireErrorCaught(error) }
        let now = context.eventLoop.now
        if lastTold.map({ now - $0 >= Self.quiet }) ?? true {
            lastTold = now
            logger.error(
                "No connection can be accepted: the process may open no more files. Raise its limit",
                metadata: ["error": "\(error)"])
        }
        open.makeRoom()
        pause(context)
    }

    /// Reading is pending still, and only this takes the listening socket out of what the kernel is asked to watch.
    private func pause(_ context: ChannelHandlerContext) {
        guard !isPausing else { return }
        isPausing = true
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.pause) {
            let (gate, context) = loopBound.value
            gate.isPausing = false
            // Fails where the server has stopped listening.
            try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}

@available(*, unavailable)
extension AcceptGate: Sendable {}

/// Before TLS: closes a connection that has to make room at once. TLS would wait for the client's farewell.
final class HardCloseHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case OpenConnections.MakeRoom.now = event else { return context.fireUserInboundEventTriggered(event) }
        context.close(promise: nil)
    }
}

@available(*, unavailable)
extension HardCloseHandler: Sendable {}
