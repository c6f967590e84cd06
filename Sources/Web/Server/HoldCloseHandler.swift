import NIOCore
import NIOHTTPTypes

/// Holds back the closing of a connection until everything written before is with the kernel.
///
/// On a graceful stop Hummingbird closes a connection right after the last part of a response, and NIO drops what is still queued:
/// a slow download would lose its tail. The wait ends early when nothing has moved for `patience`, so that a client that reads
/// nothing cannot keep the server from stopping; and it does not begin when the server has already closed the reading side, which
/// it does when it must stop at once.
final class HoldCloseHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let patience: TimeAmount
    private var unfinished = 0
    private var mustNotWait = false
    private var held: (mode: CloseMode, promise: EventLoopPromise<Void>?)?
    private var giveUp: Scheduled<Void>?

    init(patience: TimeAmount = .seconds(30)) { self.patience = patience }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        unfinished += 1
        let promise = promise ?? context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        promise.futureResult.whenComplete { _ in
            let (handler, context) = bound.value
            handler.writeFinished(context)
        }
        context.write(data, promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode != .input else {
            mustNotWait = true
            return context.close(mode: mode, promise: promise)
        }
        guard unfinished > 0, !mustNotWait else {
            giveUp?.cancel()
            return context.close(mode: mode, promise: promise)
        }
        if let held {
            let all = held.promise ?? context.eventLoop.makePromise(of: Void.self)
            all.futureResult.cascade(to: promise)
            self.held = (held.mode == .all ? .all : mode, all)
        } else {
            held = (mode, promise)
            context.flush()
            waitForProgress(context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        giveUp?.cancel()
        held?.promise?.fail(ChannelError.alreadyClosed)
        held = nil
    }

    private func writeFinished(_ context: ChannelHandlerContext) {
        unfinished -= 1
        guard held != nil else { return }
        if unfinished == 0 { closeNow(context) } else { waitForProgress(context) }
    }

    private func waitForProgress(_ context: ChannelHandlerContext) {
        giveUp?.cancel()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        giveUp = context.eventLoop.scheduleTask(in: patience) {
            let (handler, context) = bound.value
            handler.closeNow(context)
        }
    }

    private func closeNow(_ context: ChannelHandlerContext) {
        giveUp?.cancel()
        guard let (mode, promise) = held else { return }
        held = nil
        context.close(mode: mode, promise: promise)
    }
}

@available(*, unavailable)
extension HoldCloseHandler: Sendable {}
