/// What is signed: raw text exactly as on the wire.
///
/// Nothing here is decoded and encoded again on the way, because a proxy, a router or a URL type that "cleans" a path changes
/// what the signature is over.
package struct SignableRequest: Sendable {
    package let method: String
    /// The request target before the `?`, as sent.
    package let rawPath: String
    /// The request target after the `?`, as sent; empty where there is none.
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
