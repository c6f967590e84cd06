/// Where a request came from: the facts of a connection that a policy may ask for (`aws:SourceIp`, `aws:SecureTransport`, …).
///
/// A door binds it around each request, `RequestOrigin.$current.withValue(…)`. Where it is not bound these condition keys are
/// missing, and a policy that demands one of them does not allow.
package struct RequestOrigin: Sendable {
    @TaskLocal package static var current = RequestOrigin()

    /// The client's address, without a port.
    package let address: String?
    package let port: Int?
    /// True over TLS.
    package let isSecure: Bool?
    package let userAgent: String?

    package init(address: String? = nil, port: Int? = nil, isSecure: Bool? = nil, userAgent: String? = nil) {
        self.address = address
        self.port = port
        self.isSecure = isSecure
        self.userAgent = userAgent
    }

    /// `10.99.1.1:46490`, `[fd00::1]:46490`: for the log.
    package var peer: String? {
        guard let address else { return nil }
        guard let port else { return address }
        return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
