package import NIOCore

/// Closes a connection that is silent for too long, or too slow, while a read from it is wanted.
///
/// Only time in which a read is wanted counts: a slow reader of ours, or a bandwidth cap, is no fault of upstream. An idle
/// connection in the pool is closed after the same time, which does no harm.
package final class ConnectionWatch: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer

    package struct Stalled: Error {}
    package struct Crawling: Error {}

    private let idle: TimeAmount
    /// Bytes that must come in each `window` of waiting.
    private let minimum: Int
    private let window: TimeAmount
    private var waitingSince: NIODeadline?
    private var timer: Scheduled<Void>?
    private var waited: TimeAmount = .nanoseconds(0)
    private var received = 0
    private var isBeforeAnswer = true

    package init(idle: Duration, minimumBytesPerSecond: Int, window: Duration) {
        self.idle = TimeAmount(idle)
        self.window = TimeAmount(window)
        minimum = minimumBytesPerSecond * Int(max(1, window.components.seconds))
    }

    package func read(context: ChannelHandlerContext) {
        if waitingSince == nil { waitingSince = context.eventLoop.now }
        if timer == nil { watch(context, for: idle) }
        context.read()
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // A new request: the time for its answer begins now.
        waitingSince = context.eventLoop.now
        isBeforeAnswer = true
        waited = .nanoseconds(0)
        received = 0
        context.write(data, promise: promise)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytes
        // The time until an answer begins has a limit of its own (`Timeouts.head`).
        if let since = waitingSince, !isBeforeAnswer { waited = waited + (context.eventLoop.now - since) }
        isBeforeAnswer = false
        waitingSince = nil
        if waited >= window {
            if received < minimum {
                end(context, because: Crawling())
                return
            }
            waited = .nanoseconds(0)
            received = 0
        }
        context.fireChannelRead(data)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    /// One timer for the connection, set anew when it fires: a timer for each read would be too many.
    private func watch(_ context: ChannelHandlerContext, for time: TimeAmount) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: time) {
            let (handler, context) = bound.value
            handler.look(context)
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        timer = nil
        guard context.channel.isActive else { return }
        guard let since = waitingSince else {
            watch(context, for: idle)
            return
        }
        let left = idle - (context.eventLoop.now - since)
        if left <= .nanoseconds(0) { end(context, because: Stalled()) } else { watch(context, for: left) }
    }

    private func end(_ context: ChannelHandlerContext, because error: any Error) {
        timer?.cancel()
        timer = nil
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }
}
