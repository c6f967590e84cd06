package import WeirCore
package import WeirServer

/// What the web server is told when it starts.
package struct WebSettings: Sendable {
    /// The port for the doors.
    package var server: ServerSettings
    /// `host[:port]` as printed in `repositoryUri`, `proxyEndpoint` and challenges.
    package var publicHost: String
    /// `https` or `http`: how clients reach it, which a proxy may decide.
    package var publicScheme = "https"
    /// The registry that clients without a login read from, where their `Host` names no other one; nil where they may not.
    package var anonymousPulls: RegistryID?
    /// Which program this is, for `/version`.
    package var version = WeirVersion.number
    /// Who may read `/metrics` at this port.
    package var metricsAccess = MetricsAccess.thisMachine
    /// A port of their own for `/metrics` and `/healthz`, without TLS.
    package var metricsAt: (host: String, port: Int)?

    package init(server: ServerSettings, publicHost: String) {
        self.server = server
        self.server.timeouts.strangersLongestBody = Int64(AWSDoor.maxBodySize)
        self.publicHost = publicHost
    }
}
