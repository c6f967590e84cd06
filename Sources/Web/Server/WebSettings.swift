import WeirCore

/// What the web server is told when it starts.
package struct WebSettings: Sendable {
    /// The address to listen on. Port 0 lets the kernel choose one.
    package var host: String
    package var port: Int
    /// Certificate and key, when the server speaks TLS itself.
    package var tls: TLSIdentity?
    /// `host[:port]` as printed in `repositoryUri`, `proxyEndpoint` and challenges.
    package var publicHost: String
    /// `https` or `http`: how clients reach it, which a proxy may decide.
    package var publicScheme = "https"
    /// Which program this is, for `/version`.
    package var version = WeirVersion.number
    /// How long a connection may wait for a request, or for more of one, before it is closed.
    package var idleTimeout: Duration
    /// Connections open at once. For further ones those go that can be spared, or they wait in the kernel's queue: a flood cannot
    /// use up file descriptors.
    package var maxConnections: Int
    /// Connections of one client (an IPv4 address, an IPv6 /64); nil for as many as there is room for.
    package var connectionsPerAddress: Int?
    /// Answered at once, whatever their client costs beside: or a probe from a busy machine would declare the server dead.
    package var unpacedPaths: Set<String> = ["/healthz"]
    /// How long somebody who has not proved who they are may take. `idle` is that of `idleTimeout`.
    package var strangersPatience = ClientPatience.Limits()
    /// How long a client may take next to nothing of what it asked for before it is cut off; nil: for ever.
    package var downloadPatience: Duration?

    /// Who may read `/metrics` at this port.
    package var metricsAccess = MetricsAccess.thisMachine
    /// A port of their own for `/metrics` and `/healthz`, without TLS.
    package var metricsAt: (host: String, port: Int)?
    /// Asked from time to time for another certificate, where the one in use comes to its end; nil for none.
    package var renewedTLS: @Sendable () throws -> TLSIdentity? = { nil }

    package init(
        host: String, port: Int, tls: TLSIdentity? = nil, publicHost: String,
        idleTimeout: Duration = .seconds(120), maxConnections: Int = 4096, connectionsPerAddress: Int? = nil,
        downloadPatience: Duration? = .seconds(120)
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.publicHost = publicHost
        self.idleTimeout = idleTimeout
        self.maxConnections = maxConnections
        self.connectionsPerAddress = connectionsPerAddress
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
