import NIOCore
import NIOPosix
package import WeirCore

/// Why a server could not be asked, in the words in which an upstream's failure is told: for the program's own commands, which
/// ask a running server as that asks upstream.
package struct ConnectionFailure: Sendable, Equatable {
    /// What there is to look at.
    package enum Cause: Sendable, Equatable {
        /// Its name leads nowhere.
        case name
        /// Nobody answers at its address.
        case connection
        /// It speaks http where https was spoken.
        case speaksNoTLS
        /// Its certificate is not trusted, or no longer good.
        case untrusted
        /// Its certificate is good for other names.
        case otherName
        /// It hung up: as a port does that expects TLS and hears http.
        case closed
        case other
    }

    package let cause: Cause
    /// Follows a colon, such as "connection refused". No text of a library's and no URL stands in it.
    package let words: String

    package init(_ cause: Cause, _ words: String) {
        self.cause = cause
        self.words = words
    }

    /// What a request failed of. Where a certificate was not trusted, the server is connected to once more to find out why.
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
