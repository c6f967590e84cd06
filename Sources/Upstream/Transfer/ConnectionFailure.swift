import NIOCore
import NIOPosix
package import WeirCore

/// Why a server could not be reached, in the words that tell of an upstream's failure. The program's own commands say it of a
/// running server.
package struct ConnectionFailure: Sendable, Equatable {
    /// The part that failed.
    package enum Cause: Sendable, Equatable {
        /// Its name does not resolve.
        case name
        /// Its address accepts no connection.
        case connection
        /// It answered in plain http where https was spoken.
        case speaksNoTLS
        /// Its certificate is not trusted, or not valid now.
        case untrusted
        /// Its certificate is good for other names.
        case otherName
        /// It closed the connection, as a port that expects TLS does when it hears http.
        case closed
        case other
    }

    package let cause: Cause
    /// Follows a colon, such as "connection refused". Holds no URL.
    package let words: String

    package init(_ cause: Cause, _ words: String) {
        self.cause = cause
        self.words = words
    }

    /// The cause of a failed request. Where a certificate was not trusted, connects to the server once more to find out why.
    ///
    /// - Parameters:
    ///   - error: what the HTTP client threw.
    ///   - url: what was asked, http or https.
    ///   - clock: by which a certificate has expired.
    package static func of(_ error: any Error, at url: String, by clock: WallClock) async -> ConnectionFailure {
        let fault = Fault(error, timeouts: nil)
        guard fault.isUntrusted else { return ConnectionFailure(fault.cause, fault.detail) }
        let probe = CertificateProbe(
            group: .singletonMultiThreadedEventLoopGroup, clock: clock, timeout: .seconds(5))
        var reason: String?
        if let url = try? OutboundURL(url) { reason = await probe.reason(at: url, on: .trusted) }
        return ConnectionFailure(.untrusted, reason ?? fault.detail)
    }
}

extension Fault {
    fileprivate var cause: ConnectionFailure.Cause {
        switch step {
        case .name: .name
        case .connection: .connection
        case .tls: detail == Self.noTLS ? .speaksNoTLS : detail == Self.otherName ? .otherName : .other
        default: detail == Self.closed ? .closed : .other
        }
    }
}
