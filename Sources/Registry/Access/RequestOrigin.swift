/// Where a request came from: what a policy may ask about the connection (`aws:SourceIp`, `aws:SecureTransport`, …).
///
/// A door binds it around each request, `RequestOrigin.$current.withValue(…)`. Where it is not bound these condition keys are
/// missing, and a policy that demands one of them does not allow.
package struct RequestOrigin: Sendable {
    @TaskLocal package static var current = RequestOrigin()

    /// The client's address, without a port.
    package let address: String?
    /// True over TLS.
    package let isSecure: Bool?
    package let userAgent: String?

    package init(address: String? = nil, isSecure: Bool? = nil, userAgent: String? = nil) {
        self.address = address
        self.isSecure = isSecure
        self.userAgent = userAgent
    }
}
