import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import WeirCore

/// What went wrong on the way, in words that tell a person what to look at. Of the libraries' own texts it uses only fixed short
/// ones: others may hold whole URLs.
struct Fault {
    let kind: UpstreamError.Kind
    /// Follows a host's name and a colon.
    var detail: String
    let step: UpstreamError.Step
    /// False where the cause is on our side: we gave up, or had no room.
    let blamesServer: Bool
    /// The server closed the connection.
    let brokeOff: Bool

    init(_ error: any Error, timeouts: UpstreamSettings.Timeouts?) {
        step = Self.step(of: error)
        blamesServer = Self.blamesServer(error)
        brokeOff = Self.brokeOff(error)
        switch error {
        case let error as HTTPClientError: (kind, detail) = Self.told(error, timeouts)
        case let error as NIOConnectionError: (kind, detail) = Self.told(error)
        case is ConnectionWatch.Stalled:
            (kind, detail) = (.unavailable, "nothing came for \(timeouts?.idle.formattedSeconds ?? "too long")")
        case is ConnectionWatch.Crawling: (kind, detail) = (.unavailable, "it sends too slowly")
        case let error as IOError: (kind, detail) = (.unavailable, Self.told(errno: error.errnoCode))
        case let error as HTTPParserError: (kind, detail) = Self.told(error)
        case is CancellationError: (kind, detail) = (.unavailable, "the request was given up")
        case ChannelError.connectTimeout: (kind, detail) = (.unavailable, "no connection in time")
        case is ChannelError: (kind, detail) = (.unavailable, "the connection was lost")
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            (kind, detail) = (.unavailable, Self.toldName(error))
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: (kind, detail) = (.unavailable, Self.toldTLS(error))
        default: (kind, detail) = (.unavailable, "the connection failed")
        }
    }

    func error(at url: OutboundURL, for upstream: Upstream) -> UpstreamError {
        var error = upstream.error(
            kind, url.origin == upstream.base.origin ? detail : "\(url.host): \(detail)", step: step)
        error.blamesServer = blamesServer
        error.brokeOff = brokeOff
        return error
    }

    private static func step(of error: any Error) -> UpstreamError.Step {
        switch error {
        case let error as HTTPClientError:
            error == .connectTimeout ? .connection : error == .tlsHandshakeTimeout ? .tls : .request
        case let error as NIOConnectionError: error.connectionErrors.isEmpty && error.dnsError != nil ? .name : .connection
        case ChannelError.connectTimeout: .connection
        case let error as IOError:
            [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT].contains(error.errnoCode) ? .connection : .request
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError: .tls
        case is SocketAddressError, is SocketAddressError.UnknownHost: .name
        default: .request
        }
    }

    private static func blamesServer(_ error: any Error) -> Bool {
        switch error {
        case is CancellationError: return false
        case let error as HTTPClientError:
            return ![.cancelled, .alreadyShutdown, .getConnectionFromPoolTimeout].contains(error)
        case let error as IOError: return ![EMFILE, ENFILE].contains(error.errnoCode)
        default: return true
        }
    }

    private static func brokeOff(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPClientError: error == .remoteConnectionClosed
        case let error as IOError: [ECONNRESET, EPIPE].contains(error.errnoCode)
        case HTTPParserError.invalidEOFState, HTTPParserError.closedConnection: true
        case let error as ChannelError: [.ioOnClosedChannel, .inputClosed, .eof].contains(error)
        default: false
        }
    }

    private static func told(
        _ error: HTTPClientError, _ timeouts: UpstreamSettings.Timeouts?
    ) -> (UpstreamError.Kind, String) {
        switch error {
        case .connectTimeout, .getConnectionFromPoolTimeout:
            (.unavailable, "no connection" + inTime(timeouts?.connect))
        case .tlsHandshakeTimeout: (.unavailable, "the TLS handshake did not end" + inTime(timeouts?.connect))
        case .deadlineExceeded: (.unavailable, "no answer" + inTime(timeouts?.head))
        case .readTimeout: (.unavailable, "nothing came for \(timeouts?.idle.formattedSeconds ?? "too long")")
        case .remoteConnectionClosed: (.unavailable, Self.closed)
        case .cancelled: (.unavailable, "the request was given up")
        case .alreadyShutdown: (.unavailable, "this server is shutting down")
        default: (.unavailable, "the request failed: \(error.shortDescription.lowercased())")
        }
    }

    private static func inTime(_ limit: Duration?) -> String {
        limit.map { " within \($0.formattedSeconds)" } ?? " in time"
    }

    private static func told(_ error: NIOConnectionError) -> (UpstreamError.Kind, String) {
        if let failure = error.connectionErrors.first {
            if let error = failure.error as? IOError { return (.unavailable, told(errno: error.errnoCode)) }
            return (.unavailable, "no connection in time")
        }
        return (.unavailable, error.dnsError.map(toldName) ?? "no connection in time")
    }

    /// The resolver's error tells whether the name does not exist, or no name server could say.
    private static func toldName(_ error: any Error) -> String {
        guard let error = error as? SocketAddressError.UnknownHost else { return "no such host" }
        return SystemNames.failure(CInt(truncatingIfNeeded: error.errorCode)).description
    }

    private static func told(errno code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET, EPIPE: "the connection was reset"
        case ETIMEDOUT: "no connection in time"
        case EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN: "no route to it"
        case EMFILE, ENFILE: "this server has too many open files"
        default: "the connection failed (errno \(code))"
        }
    }

    private static func told(_ error: HTTPParserError) -> (UpstreamError.Kind, String) {
        switch error {
        case .invalidEOFState, .closedConnection: (.unavailable, "it broke off in the middle of its answer")
        case .headerOverflow: (.invalid, "the head of its answer is too large")
        default: (.invalid, "its answer is no HTTP")
        }
    }

    private static func toldTLS(_ error: any Error) -> String {
        if let error = error as? NIOSSLExtraError {
            return error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch
                ? otherName : "TLS failed"
        }
        if case NIOSSLError.uncleanShutdown = error { return "it broke off in the middle of its answer" }
        let text = String(describing: error)
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return Self.untrusted }
        if text.contains("WRONG_VERSION_NUMBER") { return noTLS }
        if text.contains("PROTOCOL_VERSION") || text.contains("UNSUPPORTED_PROTOCOL") {
            return "it offers no version of TLS that is still safe"
        }
        return "the TLS handshake failed"
    }

    /// The handshake's error says no more; `CertificateProbe` finds the reason.
    private static let untrusted = "its certificate is not trusted"
    static let otherName = "its certificate is for another name"
    static let noTLS = "it does not speak TLS"
    static let closed = "it closed the connection"

    var isUntrusted: Bool { detail == Self.untrusted }
}

extension Duration {
    /// Whole seconds, rounded up, at least one.
    var roundedSeconds: String { "\(max(1, (microseconds + 999_999) / 1_000_000)) s" }

    /// Such as "30 s" or "0.5 s".
    var formattedSeconds: String {
        let milliseconds = microseconds / 1000
        if milliseconds.isMultiple(of: 1000) { return "\(milliseconds / 1000) s" }
        return "\(Double(milliseconds) / 1000) s"
    }
}

extension NIOConnectionError {
    /// Why the name resolved to no address; nil where it did resolve.
    fileprivate var dnsError: (any Error)? { dnsAError ?? dnsAAAAError }
}
