import NIOCore
import NIOHTTP1
import WeirCore

/// A request on its way out. Every kind only reads: nothing here changes anything upstream.
struct OutboundRequest: Sendable {
    enum Kind: Sendable { case get, head, post }

    let kind: Kind
    var url: OutboundURL
    /// Without `Authorization`.
    let plainHeaders: HTTPHeaders
    /// Bound to the origin for which the request was made; redirects elsewhere lose it.
    var authorization: String?
    /// An anonymous token for another registry, to which upstream redirects.
    var redirectToken: RedirectToken?
    /// Of a `post`.
    var body: ByteBuffer?
    /// How long to wait for a probe of a server whose circuit is open.
    var patience: Duration = .seconds(2)
    /// Asked whatever the circuit says.
    var ignoresCircuit = false
    /// To a storage to which upstream redirected: it is no part of our trace.
    var isElsewhere = false

    init(
        kind: Kind, url: OutboundURL, plainHeaders: HTTPHeaders, authorization: String? = nil, body: ByteBuffer? = nil
    ) {
        self.kind = kind
        self.url = url
        self.plainHeaders = plainHeaders
        self.authorization = authorization
        self.body = body
    }

    var method: HTTPMethod {
        switch kind {
        case .get: .GET
        case .head: .HEAD
        case .post: .POST
        }
    }

    var headers: HTTPHeaders {
        var headers = plainHeaders
        // Digests cover the bytes as they are stored, so nothing may be compressed on the way.
        headers.replaceOrAdd(name: "Accept-Encoding", value: "identity")
        if let authorization { headers.replaceOrAdd(name: "Authorization", value: authorization) }
        if !isElsewhere, let trace = TraceContext.current {
            headers.replaceOrAdd(name: "traceparent", value: trace.traceparent)
            if let state = trace.state { headers.replaceOrAdd(name: "tracestate", value: state) }
        }
        return headers
    }
}
