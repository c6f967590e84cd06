/// Why upstream did not give what was asked for. Every case names the host; the text is safe to show.
package struct UpstreamError: Error, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// 401 or 403, or a refused login.
        case denied
        case notFound
        case rateLimited
        /// Not to be reached: refused, no such name, time-out, TLS, 5xx, connection lost.
        case unavailable
        /// Reached, and its answer makes no sense or breaks a bound.
        case invalid
        /// The outbound guard said no: a private address, a foreign realm, a downgrade.
        case guarded
    }

    /// How far a question got.
    package enum Step: String, Sendable, CaseIterable {
        /// The outbound guard or the address itself.
        case address
        case name
        case connection
        case tls
        /// The token server, STS, or the upstream's word on the login.
        case login
        /// The question itself.
        case request
    }

    /// What a `.denied` is about, as far as one can tell: nobody should look for a mistake in a secret that was never asked for.
    package enum Denial: String, Sendable {
        /// The login itself was refused.
        case login
        /// The token server has taken the login; the registry refuses the thing to it.
        case right
        /// There was no login to send.
        case stranger
        /// Whoever stands in front of the registry refuses this server: a firewall, a delivery network.
        case block
        /// Another host, to which the registry had sent us.
        case elsewhere
    }

    package let kind: Kind
    package let host: String
    package let detail: String
    package let status: Int?
    package let retryAfter: Duration?
    package var step: Step
    package var denial: Denial?
    /// False where nothing was sent, as the answer is known: the circuit is open, or upstream asked for a pause.
    package var wasAsked: Bool
    /// False where it is no sign of the server's health: we gave up ourselves, or had no room for the question.
    package var blamesServer = true
    /// The connection ended before there was an answer. A time that ran out is none.
    package var brokeOff = false
    /// Who said it, where that was another host than the registry: one that it had redirected to. It speaks for itself alone.
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
