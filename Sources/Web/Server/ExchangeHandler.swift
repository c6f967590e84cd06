import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Performs on a connection what `ExchangeState` decides.
final class ExchangeHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long a closing connection reads on, so that the client sees our response before it sees the connection go.
    private static let lingerTime = TimeAmount.seconds(2)

    private var state = ExchangeState()
    private var endOfLingering: Scheduled<Void>?
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let action =
            switch unwrapInboundIn(data) {
            case .head(let head): state.headRead(declared: head.declaredLength, awaitsContinue: head.awaitsContinue)
            case .body(let bytes): state.bodyRead(bytes.readableBytes)
            case .end: state.endRead()
            }
        switch action {
        case .forward: context.fireChannelRead(data)
        case .drop: break
        case .close: context.close(promise: nil)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.status.kind == .informational:
            state.continueWritten()
            context.write(data, promise: promise)
        case .head(var head):
            if state.headWritten(saysClose: head.headerFields[.connection] == "close") == .sayClose {
                head.headerFields[.connection] = "close"
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            endWritten(context)
        }
    }

    private func endWritten(_ context: ChannelHandlerContext) {
        switch state.endWritten() {
        case .nothing: break
        case .close:
            context.flush()
            context.close(promise: nil)
        case .linger:
            context.flush()
            context.close(mode: .output, promise: nil)
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            endOfLingering = context.eventLoop.scheduleTask(in: Self.lingerTime) {
                bound.value.close(promise: nil)
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { state.drain() }
        if event as? ChannelEvent == .inputClosed, state.isLingering { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let complaint = Self.complaint(about: error) else { return context.fireErrorCaught(error) }
        guard state.parseFailed() == .answer else { return context.fireErrorCaught(error) }
        logger.info(
            "Request refused: it cannot be parsed",
            metadata: [
                "http.status": "\(complaint.status.code)", "error": "\(error)",
                "client.address": "\(context.remoteAddress?.ipAddress ?? "unknown")",
            ])
        var text = ByteBuffer(string: complaint.text + "\n")
        let head = HTTPResponse(
            status: complaint.status,
            headerFields: [
                .connection: "close", .contentType: "text/plain; charset=utf-8",
                .contentLength: "\(text.readableBytes)",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(text.readSlice(length: text.readableBytes) ?? text)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) { endOfLingering?.cancel() }

    /// What to tell a client whose request made no sense; nil for errors of the connection itself.
    private static func complaint(about error: any Error) -> (status: HTTPResponse.Status, text: String)? {
        guard let error = error as? HTTPParserError else { return nil }
        return switch error {
        case .headerOverflow:
            (.requestHeaderFieldsTooLarge, "The request's headers are too large.")
        case .invalidEOFState, .closedConnection: nil
        default: (.badRequest, "The request is not HTTP/1.1 that this server understands.")
        }
    }
}

@available(*, unavailable)
extension ExchangeHandler: Sendable {}

extension HTTPRequest {
    /// The body's length as declared: 0 where there is none, nil where it is chunked.
    var declaredLength: Int64? {
        if headerFields[.transferEncoding] != nil { return nil }
        return headerFields[.contentLength].flatMap { Int64($0) } ?? 0
    }

    var awaitsContinue: Bool { headerFields[.expect]?.lowercased() == "100-continue" }
}
