/// Why a request to an upstream failed. Every error names the host; the text is safe to show.
package struct UpstreamError: Error, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// 401 or 403, or a refused login.
        case denied
        case notFound
        case rateLimited
        /// Not reachable: connection refused, unknown name, time-out, TLS, 5xx, connection lost.
        case unavailable
        /// The answer makes no sense or exceeds a bound.
        case invalid
        /// The outbound guard refused: a private address, a foreign realm, a downgrade.
        case guarded
    }

    /// How far a request got.
    package enum Step: String, Sendable, CaseIterable {
        /// The outbound guard or the address itself.
        case address
        case name
        case connection
        case tls
        /// The token server, STS, or the registry's answer to the login.
        case login
        /// The request itself.
        case request
    }

    /// What a `.denied` is about, as far as it can be told: an operator should not search for a mistake in a secret that was
    /// never used.
    package enum Denial: String, Sendable {
        /// The login itself was refused.
        case login
        /// The token server accepted the login; the registry refuses access with it.
        case right
        /// The request was anonymous: there was no login to send.
        case stranger
        /// A firewall or content delivery network in front of the registry refuses this server.
        case block
        /// Another host refused, to which the registry had redirected.
        case elsewhere
    }

    package let kind: Kind
    package let host: String
    package let detail: String
    package let status: Int?
    package let retryAfter: Duration?
    package var step: Step
    package var denial: Denial?
    /// False if nothing was sent, because the answer is known: the circuit is open, or upstream asked for a pause.
    package var wasAsked: Bool
    /// False if the failure says nothing about the server's health: we gave up, or had no room for the request.
    package var blamesServer = true
    /// True if the connection ended before an answer. False for a time-out.
    package var brokeOff = false
    /// The host that failed, if the registry had redirected to another one. The failure then says nothing about the registry.
    package var saidElsewhere: String?

    package init(
        _ kind: Kind, host: String, _ detail: String, status: Int? = nil, retryAfter: Duration? = nil,
        step: Step = .request, wasAsked: Bool = true
    ) {
        self.kind = kind
        self.host = host
        self.detail = detail
        self.status = status
        self.retryAfter = retryAfter
        self.step = step
        self.wasAsked = wasAsked
    }

    package var description: String {
        "\(host): \(detail)" + (status.map { " (status \($0))" } ?? "")
    }
}
