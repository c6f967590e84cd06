package import HTTPTypes
import NIOCore
import NIOHTTP1

/// The response to a request that cannot be parsed.
package struct BadRequestReply: Equatable {
    package let status: HTTPResponse.Status
    private let text: String
    /// TLS on a plain port: clients try it first, so it is no fault worth a line in the log.
    let isEveryday: Bool

    /// Nil for errors of the connection itself.
    package init?(about error: any Error) {
        isEveryday = error is ForeignProtocol
        if isEveryday {
            status = .badRequest
            text = "This port speaks plain HTTP, and the client began with TLS. Use http://"
            return
        }
        switch error as? HTTPParserError {
        case nil, .invalidEOFState, .closedConnection: return nil
        case .headerOverflow:
            status = .requestHeaderFieldsTooLarge
            text = "The request's headers are too large"
        default:
            status = .badRequest
            text = "The request is not HTTP/1.1 that this server understands"
        }
    }

    /// It is the connection's last answer.
    var head: HTTPResponseHead {
        HTTPResponseHead(
            version: .http1_1, status: .custom(code: UInt(status.code), reasonPhrase: status.saying(text).reasonPhrase),
            headers: [
                "connection": "close", "content-type": "text/plain; charset=utf-8", "content-length": "\(body.readableBytes)",
                "x-content-type-options": "nosniff",
            ])
    }

    var body: ByteBuffer { ByteBuffer(string: text + "\n") }
}
