/// The settings of one HTTP listener.
package struct ServerSettings: Sendable {
    /// The address to listen on. Port 0 lets the kernel choose one.
    package var host: String
    package var port: Int
    /// Certificate and key where the server speaks TLS itself; nil for plain HTTP.
    package var tls: TLSIdentity?
    /// Asked from time to time for another certificate, where the one in use comes to its end; nil for none.
    package var renewedTLS: @Sendable () throws -> TLSIdentity? = { nil }
    /// Connections open at once. At the limit, connections that can be spared are closed, and further ones wait in the kernel's
    /// queue: a flood cannot use up file descriptors.
    package var maxConnections: Int
    /// Connections of one client (an IPv4 address, an IPv6 /64); nil for as many as there is room for.
    package var connectionsPerAddress: Int?
    package var timeouts = ConnectionTimeouts()
    /// A client that takes less than 1 KiB a second of its response for so long is cut off; nil: never.
    package var downloadPatience: Duration?
    /// Answered at once, whatever else their client costs: a health probe from a busy machine must not find the server dead.
    package var unpacedPaths: Set<String> = ["/healthz"]

    package init(
        host: String, port: Int, tls: TLSIdentity? = nil, maxConnections: Int = 4096, connectionsPerAddress: Int? = nil,
        downloadPatience: Duration? = .seconds(120)
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.maxConnections = maxConnections
        self.connectionsPerAddress = connectionsPerAddress
        self.downloadPatience = downloadPatience
    }
}
