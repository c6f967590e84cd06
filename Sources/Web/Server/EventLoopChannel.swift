import HummingbirdCore
import Logging
import NIOCore

/// A connection as this server wants it: its socket options set, and its handler running on the connection's own event loop.
struct EventLoopChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let loops: EventLoops

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        do {
            // Always there for sockets.
            if let options = channel.syncOptions {
                try options.setOption(.socketOption(.tcp_nodelay), value: 1)
                // Reads grow to 1 MiB while a client sends as fast as we read: an upload then costs a sixteenth of the
                // system calls. Idle connections hold no buffer.
                try options.setOption(
                    .recvAllocator,
                    value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 8192, maximum: 1 << 20))
            }
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        return base.setup(channel: channel, logger: logger)
    }

    func handle(value: Base.Value, logger: Logger) async {
        await withTaskExecutorPreference(loops.executor(of: value.channel.eventLoop)) {
            await base.handle(value: value, logger: logger)
        }
    }
}
