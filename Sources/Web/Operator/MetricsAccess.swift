import HTTPTypes
import WeirCore
import WeirServer

/// Who may read `/metrics` at a port. The metrics name upstream hosts, rules, quotas and traffic, which clients of a public port
/// must not see.
package enum MetricsAccess: Sendable {
    /// All clients of the port, which is one of its own.
    case everybody
    /// Clients on this machine, but not requests that a proxy on it forwards from elsewhere.
    case thisMachine
    /// Clients with the token, from anywhere.
    case bearer([UInt8])
    /// The metrics are served at another port.
    case elsewhere

    /// Nil where the request may read them.
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
        address.flatMap { IPAddress(withZone: $0) }?.unmapped.isLoopback ?? false
    }

    /// A proxy forwarded the request for another client.
    private static func isForwarded(_ headers: HTTPFields) -> Bool {
        let signs: [HTTPField.Name] = [.forwarded, .forwardedFor, .forwardedHost, .realIP, .via]
        return signs.contains { headers[$0] != nil }
    }

    /// Compares in constant time: the time does not tell where the two differ.
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
