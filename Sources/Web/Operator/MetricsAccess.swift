import HTTPTypes
import WeirRegistry

/// Who may read `/metrics` at a port: it names upstream hosts, rules, quotas and traffic, which is nothing for whoever can reach
/// a public port.
package enum MetricsAccess: Sendable {
    /// Whoever reaches the port: one of its own.
    case everybody
    /// Clients on this machine, and not what a proxy on it brings from elsewhere.
    case thisMachine
    /// Whoever has the token, from wherever.
    case bearer([UInt8])
    /// The metrics are at another port.
    case elsewhere

    /// Nil where the request may see them.
    func refusal(_ request: WebRequest, label: RouteLabel) -> Reply? {
        switch self {
        case .everybody: return nil
        case .elsewhere: return .text(.notFound, "The metrics are at a port of their own (--metrics-listen).", label: label)
        case .thisMachine:
            if Self.isLoopback(RequestOrigin.current.address), !Self.isForwarded(request.headers) { return nil }
            return .text(
                .forbidden,
                "The metrics are shown to clients on this machine only. Set WEIR_METRICS_TOKEN or --metrics-listen to read them "
                    + "from elsewhere.", label: label)
        case .bearer(let token):
            if Self.given(request.headers[.authorization], is: token) { return nil }
            var reply = Reply.text(.unauthorized, "The metrics need a token: Authorization: Bearer TOKEN.", label: label)
            reply.headers[.wwwAuthenticate] = "Bearer realm=\"metrics\""
            return reply
        }
    }

    private static func isLoopback(_ address: String?) -> Bool {
        guard let address else { return false }
        return address == "::1" || address.hasPrefix("127.") || address.lowercased().hasPrefix("::ffff:127.")
    }

    /// Somebody else asked the proxy.
    private static func isForwarded(_ headers: HTTPFields) -> Bool {
        let signs: [HTTPField.Name] = [.forwarded, .forwardedFor, .forwardedHost, .realIP, .via]
        return signs.contains { headers[$0] != nil }
    }

    /// Takes the same time wherever the two differ.
    private static func given(_ header: String?, is token: [UInt8]) -> Bool {
        guard let header, header.lowercased().hasPrefix("bearer ") else { return false }
        let given = Array(header.utf8.dropFirst(7))
        guard given.count == token.count else { return false }
        return zip(given, token).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension HTTPField.Name {
    fileprivate static let forwarded = constant("Forwarded")
    fileprivate static let forwardedFor = constant("X-Forwarded-For")
    fileprivate static let forwardedHost = constant("X-Forwarded-Host")
    fileprivate static let realIP = constant("X-Real-IP")
    fileprivate static let via = constant("Via")
}
