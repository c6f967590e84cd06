/// What the web server is told when it starts.
package struct WebSettings: Sendable {
    /// The address to listen on. Port 0 lets the kernel choose one.
    package var host: String
    package var port: Int
    /// Certificate and key, when the server speaks TLS itself.
    package var tls: TLSIdentity?
    /// `host[:port]` as printed in `repositoryUri`, `proxyEndpoint` and challenges.
    package var publicHost: String
    /// How long a connection may wait for a request, or for more of one, before it is closed.
    package var idleTimeout: Duration
    /// Connections open at once. Further ones wait in the kernel's queue, so that a flood cannot use up file descriptors.
    package var maxConnections: Int
    /// How long a client may take next to nothing of what it asked for before it is cut off; nil: for ever.
    package var downloadPatience: Duration?

    package init(
        host: String, port: Int, tls: TLSIdentity? = nil, publicHost: String,
        idleTimeout: Duration = .seconds(120), maxConnections: Int = 4096,
        downloadPatience: Duration? = .seconds(120)
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.publicHost = publicHost
        self.idleTimeout = idleTimeout
        self.maxConnections = maxConnections
        self.downloadPatience = downloadPatience
    }
}

/// A certificate chain and its key, PEM: the bytes of the files, not their names. It prints as nothing.
package struct TLSIdentity: Sendable, CustomStringConvertible, CustomReflectable {
    package let certificateChain: [UInt8]
    package let privateKey: [UInt8]

    package init(certificateChain: [UInt8], privateKey: [UInt8]) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }

    package var description: String { "(a TLS identity)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
