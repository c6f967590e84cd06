package import HTTPTypes
package import NIOCore
package import WeirRegistry

/// A door's answer, and what the log and the metrics call it.
package struct Reply: Sendable {
    package enum Body: Sendable {
        case bytes(ByteBuffer)
        /// No body, but the length that one would have: the answer to HEAD.
        case absent(length: Int64)
        case blob(BlobSlice)
        /// No answer at all: the client has gone, or what it sends cannot be understood. The connection is closed.
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

    /// A sentence, for people; where it refuses something it stands in the status line too.
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

/// Which part of which door answered: the labels of the request metrics, so from a short list and never from a client's text.
package struct RouteLabel: Hashable, Sendable {
    package enum Door: String, Sendable { case distribution, aws, `operator`, none }

    package enum Route: String, Sendable {
        case ping, catalog, tags, manifest, blob, upload, referrers
        case call
        case healthz, metrics
        case root, unknown
    }

    package let door: Door
    package let route: Route

    package init(_ door: Door, _ route: Route) {
        self.door = door
        self.route = route
    }

    static let unknown = RouteLabel(.none, .unknown)
}

/// The part of a blob that goes out.
package struct BlobSlice: Sendable {
    package let blob: ServedBlob
    package let range: Range<Int64>
    /// Its first bytes, read before the answer began: so that content that cannot be read is refused and not cut short. Empty
    /// where the kernel sends the file.
    package let first: ByteBuffer

    package init(_ blob: ServedBlob, _ range: Range<Int64>, first: ByteBuffer) {
        self.blob = blob
        self.range = range
        self.first = first
    }
}
