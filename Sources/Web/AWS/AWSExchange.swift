package import NIOCore

/// A request to the AWS door, as it came over the wire.
package struct AWSRequest: Sendable {
    package let method: String
    /// Before the `?`, not decoded.
    package let rawPath: String
    /// After the `?`, not decoded; empty where there is none.
    package let rawQuery: String
    /// All headers, `Host` included, in their order.
    package let headers: [(name: String, value: String)]
    package var body: ByteBuffer

    package init(
        method: String, rawPath: String, rawQuery: String, headers: [(name: String, value: String)], body: ByteBuffer
    ) {
        self.method = method
        self.rawPath = rawPath
        self.rawQuery = rawQuery
        self.headers = headers
        self.body = body
    }

    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
}

/// The AWS door's answer.
package struct AWSResponse: Sendable {
    package let status: Int
    package let headers: [(name: String, value: String)]
    package let body: ByteBuffer

    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    func adding(_ more: [(name: String, value: String)]) -> AWSResponse {
        more.isEmpty ? self : AWSResponse(status: status, headers: headers + more, body: body)
    }
}
