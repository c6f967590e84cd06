/// The signed parts of a request: raw text exactly as on the wire.
///
/// Nothing is decoded and encoded again: a proxy, a router or a URL type that normalizes a path would change what the signature
/// covers.
package struct SignableRequest: Sendable {
    package let method: String
    /// The request target before the `?`, as sent.
    package let rawPath: String
    /// The request target after the `?`, as sent; empty if there is none.
    package let rawQuery: String
    /// As received, in their order, `Host` included.
    package let headers: [(name: String, value: String)]

    package init(method: String, rawPath: String, rawQuery: String, headers: [(name: String, value: String)]) {
        self.method = method
        self.rawPath = rawPath
        self.rawQuery = rawQuery
        self.headers = headers
    }

    /// The first header of that name, whatever its case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name }?.value
    }
}
