import NIOCore
import NIOHTTP1

/// How a connection ends: when all that was written is with the kernel, or when its client has been waited for long enough.
extension Connection {
    /// Closes when everything that was written is with the kernel: NIO would drop what still waits.
    ///
    /// A client that takes nothing of it for `Patience.unsent` is not waited for. With `.output` only our side closes: what the
    /// client still sends is thrown away until it has seen our answer, or closes too.
    func closeWhenSent(_ context: ChannelHandlerContext, mode: CloseMode = .all) {
        let isNew = closing == nil
        closing = mode
        ahead.removeAll()
        guard isNew else {
            if isSent { context.close(promise: nil) }
            return
        }
        guard hasWritten else { return context.close(promise: nil) }
        giveUpWithoutProgress(context)
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in
            self.isSent = true
            self.endOfPatience?.cancel()
            context.close(mode: self.closing ?? .all, promise: nil)
            if case .output = self.closing { self.closeAfterLingering(context) }
        }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: sent)
    }

    private func giveUpWithoutProgress(_ context: ChannelHandlerContext) {
        let before = unsentBytes(context)
        endOfPatience = context.eventLoop.assumeIsolated().scheduleTask(in: Patience.unsent) {
            if self.unsentBytes(context) < before { self.giveUpWithoutProgress(context) } else { context.close(promise: nil) }
        }
    }

    private func closeAfterLingering(_ context: ChannelHandlerContext) {
        endOfPatience = context.eventLoop.assumeIsolated().scheduleTask(in: Patience.lingering) {
            context.close(promise: nil)
        }
    }

    private func unsentBytes(_ context: ChannelHandlerContext) -> Int {
        // Nothing waits any more where the connection has been closed.
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    // MARK: Patience

    func checkPatience(_ context: ChannelHandlerContext, in time: TimeAmount) {
        patienceCheck = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            switch self.patience.verdict(at: .now(), isAwaited: self.isClientAwaited(context)) {
            case .look(let time): self.checkPatience(context, in: time)
            case .close(let reason):
                if reason == .slow { self.open.closedAsTooSlow() }
                self.closeWhenSent(context)
            }
        }
    }

    /// It is the client's turn to send a request, or more of one. Who still takes an answer is looked after by
    /// `StalledReaderHandler`.
    private func isClientAwaited(_ context: ChannelHandlerContext) -> Bool {
        (task == nil || body.isAwaited) && unsentBytes(context) == 0
    }
}
