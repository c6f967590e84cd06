package import Logging
package import NIOCore
import WeirCore

/// A client that began in another protocol than the port speaks.
enum ForeignProtocol: Error {
    /// With TLS, to a port without.
    case tls
}

/// First in a connection's pipeline: the first byte tells TLS on a plain port and plain HTTP on a TLS port, and the client gets
/// an answer that its own side prints.
///
/// docker asks every registry by TLS first, and `localhost` without TLS then, so TLS on a plain port is no fault. Go's clients
/// print "server gave HTTP response to HTTPS client" for the answer, and fall back where they may.
package final class FirstByteHandler: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// What TLS begins with: a record that holds a handshake.
    private static let tlsHandshake: UInt8 = 22
    /// What an HTTP method begins with.
    private static let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")

    private static let answer: String = {
        let body = "Plain HTTP was sent to a port that speaks TLS. Use https://\n"
        return [
            "HTTP/1.1 400 Bad Request: plain HTTP was sent to a port that speaks TLS. Use https://", "connection: close",
            "content-type: text/plain; charset=utf-8", "content-length: \(body.utf8.count)", "", body,
        ].joined(separator: "\r\n")
    }()

    private let isSecure: Bool
    private let lingering: TimeAmount
    private let logger: Logger
    private var isKnown = false
    private var isForeign = false

    /// - Parameters:
    ///   - isSecure: the port speaks TLS.
    ///   - lingering: how long a client may take to read the refusal.
    package init(isSecure: Bool, lingering: TimeAmount, logger: Logger) {
        self.isSecure = isSecure
        self.lingering = lingering
        self.logger = logger
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isForeign { return }
        guard !isKnown else { return context.fireChannelRead(data) }
        let bytes = unwrapInboundIn(data)
        guard let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return context.fireChannelRead(data) }
        isKnown = true
        if !isSecure, first == Self.tlsHandshake {
            isForeign = true
            context.fireErrorCaught(ForeignProtocol.tls)
        } else if isSecure, Self.letters.contains(first) {
            isForeign = true
            refuse(context)
        } else {
            context.fireChannelRead(data)
        }
    }

    /// Before the TLS handler, which would take the request for a broken hello and close the connection without a word.
    private func refuse(_ context: ChannelHandlerContext) {
        logger.debug(
            "A client spoke plain HTTP to this TLS port",
            metadata: ["client.address": "\(context.remoteAddress?.hostAndPort ?? "unknown")"])
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: Self.answer)), promise: nil)
        context.close(mode: .output, promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: lingering) { bound.value.close(promise: nil) }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard isSecure, isForeign, case ChannelEvent.inputClosed = event else {
            return context.fireUserInboundEventTriggered(event)
        }
        context.close(promise: nil)
    }
}

@available(*, unavailable)
extension FirstByteHandler: Sendable {}

extension SocketAddress {
    /// `10.99.1.1:46490`, `[fd00::1]:46490`; a path for a local socket.
    package var hostAndPort: String { RequestOrigin(address: ipAddress, port: port).peer ?? pathname ?? "local" }
}
