import Logging
import Metrics
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Cuts off a client that asks and then does not read: it would hold its connection, and what is buffered for it, for ever.
///
/// At the end of each `patience`, if bytes waited for the client at its beginning and at its end, the bytes are counted that the
/// client's kernel has acknowledged between. Fewer than `minimum` a second: the connection is reset, so that the part is not
/// taken for the whole. A slow client stays, and so does one for which nothing waits because upstream is slow.
final class StalledReaderHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    /// Bytes a second: slower than every line on which a pull could succeed.
    static let minimum: Int64 = 1024

    private let patience: TimeAmount
    private let logger: Logger
    private var check: Scheduled<Void>?
    /// What was acknowledged when the current time began; nil where nothing waited then.
    private var acknowledged: Int64?

    init(patience: TimeAmount, logger: Logger) {
        self.patience = patience
        self.logger = logger
    }

    func handlerAdded(context: ChannelHandlerContext) { schedule(context) }

    func handlerRemoved(context: ChannelHandlerContext) { check?.cancel() }

    private func schedule(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        check = context.eventLoop.scheduleTask(in: patience) {
            let (handler, context) = bound.value
            handler.look(context)
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        guard let waiting = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes), waiting > 0,
            let provider = context.channel as? any SocketOptionProvider
        else {
            acknowledged = nil
            return schedule(context)
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        TCPProgress.acknowledged(by: provider, waiting: Int64(waiting)).whenComplete { result in
            let (handler, context) = bound.value
            handler.judge(context, try? result.get(), provider)
        }
    }

    private func judge(_ context: ChannelHandlerContext, _ now: Int64?, _ provider: any SocketOptionProvider) {
        let enough = Self.minimum * patience.nanoseconds / 1_000_000_000
        guard let now, let before = acknowledged, now - before < max(1, enough) else {
            acknowledged = now
            return schedule(context)
        }
        logger.info(
            "Client cut off: it does not read what it asked for",
            metadata: [
                "client.address": "\(context.remoteAddress?.hostAndPort ?? "unknown")",
                "client.bytes_taken": .stringConvertible(now - before),
                "client.seconds": .stringConvertible(patience.nanoseconds / 1_000_000_000),
            ])
        Counter(label: "weir_stalled_clients_total").increment()
        // A reset: the kernel, too, forgets what it still holds for this client.
        provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in }
        context.close(promise: nil)
    }
}

@available(*, unavailable)
extension StalledReaderHandler: Sendable {}

/// The bytes that the other side's kernel has acknowledged on one connection.
private enum TCPProgress {
    #if os(Linux)
        /// The beginning of Linux's `struct tcp_info`, as far as `tcpi_bytes_acked` (4.1): glibc's own copy ends before it.
        struct Info: Sendable {
            var states: UInt64 = 0
            var numbers: InlineArray<24, UInt32> = .init(repeating: 0)
            var pacingRate: UInt64 = 0
            var maxPacingRate: UInt64 = 0
            var bytesAcknowledged: UInt64 = 0
        }

        static func acknowledged(by socket: any SocketOptionProvider, waiting: Int64) -> EventLoopFuture<Int64> {
            let info: EventLoopFuture<Info> = socket.unsafeGetSocketOption(
                level: SocketOptionLevel(IPPROTO_TCP), name: SocketOptionName(TCP_INFO))
            return info.map { Int64(clamping: $0.bytesAcknowledged) }
        }
    #else
        /// Elsewhere what waits in this process stands for it: the less, the more was taken.
        static func acknowledged(by socket: any SocketOptionProvider, waiting: Int64) -> EventLoopFuture<Int64> {
            socket.getSoLinger().map { _ in -waiting }
        }
    #endif
}
