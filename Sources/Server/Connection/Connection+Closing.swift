import NIOCore
import NIOHTTP1

/// The clocks of a connection: when its client has been waited for long enough, between requests, within one and at the end.
extension Connection {
    /// Closes when all that was written is with the kernel: NIO drops what a closed channel still holds.
    func closeWhenFlushed(_ context: ChannelHandlerContext) {
        closeWithoutProgress(context)
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in
            self.closeTimer?.cancel()
            self.perform(self.machine.flushed(), context)
        }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: sent)
    }

    /// Looks each `unsent` whether the client has taken anything since.
    private func closeWithoutProgress(_ context: ChannelHandlerContext) {
        let before = unsentBytes(context)
        closeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: timeouts.unsent) {
            if self.unsentBytes(context) < before { self.closeWithoutProgress(context) } else { context.close(promise: nil) }
        }
    }

    func linger(_ context: ChannelHandlerContext) {
        context.close(mode: .output, promise: nil)
        closeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: timeouts.lingering) { context.close(promise: nil) }
    }

    /// Nothing waits in a channel that has been closed.
    private func unsentBytes(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    func checkPatience(_ context: ChannelHandlerContext, in time: TimeAmount) {
        patienceCheck = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            let verdict = self.machine.patienceVerdict(
                at: self.eventLoop.now, isReaderWaiting: self.body.isAwaited, unsent: self.unsentBytes(context))
            switch verdict {
            case .look(let time): self.checkPatience(context, in: time)
            case .close(let reason):
                if reason == .slow { self.open.closedAsTooSlow() }
                self.perform(self.machine.close(.both), context)
            }
        }
    }
}
