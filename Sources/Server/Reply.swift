package import HTTPTypes
package import NIOCore
package import WeirCore

/// The answer to a request, and its label in the log and the metrics.
package struct Reply: Sendable {
    package enum Body: Sendable {
        case bytes(ByteBuffer)
        /// No body, but the length that one would have: the answer to HEAD.
        case absent(length: Int64)
        case blob(BlobSlice)
        /// No response: the client has gone, or what it sends cannot be parsed. The connection is closed.
        case cut
    }

    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: Body
    package var label: RouteLabel

    package init(
        _ status: HTTPResponse.Status, _ headers: HTTPFields = [:], _ body: Body = .bytes(ByteBuffer()), label: RouteLabel
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.label = label
    }

    /// A sentence for people. From status 400 on it stands in the status line too.
    package static func text(
        _ status: HTTPResponse.Status, _ text: String, label: RouteLabel
    ) -> Reply {
        let status = status.code < 400 ? status : status.saying(text)
        return Reply(status, [.contentType: "text/plain; charset=utf-8"], .bytes(ByteBuffer(string: text + "\n")), label: label)
    }

    package static func cut(_ label: RouteLabel) -> Reply {
        Reply(.internalServerError, [:], .cut, label: label)
    }
}

/// What the request metrics call an answer's origin. Both texts are constants of the program, never a client's text: each pair
/// is a series that is kept for as long as the server runs.
package struct RouteLabel: Hashable, Sendable {
    package let door: String
    package let route: String

    package init(door: String, route: String) {
        self.door = door
        self.route = route
    }
}

/// The part of a blob that goes out.
package struct BlobSlice: Sendable {
    package let blob: ServedBlob
    package let range: Range<Int64>
    /// Its first bytes, read before the response began, so that content that cannot be read is refused and not cut short. Empty
    /// where the kernel sends the file.
    package let first: ByteBuffer

    package init(_ blob: ServedBlob, _ range: Range<Int64>, first: ByteBuffer) {
        self.blob = blob
        self.range = range
        self.first = first
    }
}
