import NIOCore
import NIOHTTP1

/// What to tell a client whose request made no sense.
struct Complaint {
    let status: HTTPResponseStatus
    private let text: String

    /// Nil for errors of the connection itself.
    init?(about error: any Error) {
        switch error as? HTTPParserError {
        case nil, .invalidEOFState, .closedConnection: return nil
        case .headerOverflow:
            status = .requestHeaderFieldsTooLarge
            text = "The request's headers are too large.\n"
        default:
            status = .badRequest
            text = "The request is not HTTP/1.1 that this server understands.\n"
        }
    }

    /// It is the connection's last answer.
    var head: HTTPResponseHead {
        HTTPResponseHead(
            version: .http1_1, status: status,
            headers: [
                "connection": "close", "content-type": "text/plain; charset=utf-8", "content-length": "\(text.utf8.count)",
                "x-content-type-options": "nosniff",
            ])
    }

    var body: ByteBuffer { ByteBuffer(string: text) }
}
