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

    package let kind: Kind
    package let host: String
    package let detail: String
    package let status: Int?
    package let retryAfter: Duration?
    package var step: Step
    /// False where nothing was sent, as the answer is known: the circuit is open, or upstream asked for a pause.
    package var wasAsked: Bool
    /// False where it is no sign of the server's health: we gave up ourselves, or had no room for the question.
    package var blamesServer = true
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
