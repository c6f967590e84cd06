/// Where an OpenID Connect issuer's documents come from: its configuration and its keys.
///
/// The driver fetches by GET, without credentials, through the outbound guard, and bounds addresses, redirects, time and length.
/// What it returns is untrusted: the caller reads it strictly and checks that it is the issuer's.
package protocol IssuerKeys: Sendable {
    /// Fetches the document at `url`, which belongs to `issuer`: only where the settings let that issuer's host be private may
    /// the URL, and what it redirects to, be one of the private hosts that the settings name.
    ///
    /// - Parameters:
    ///   - url: https. Plain http is refused, save for the hosts at which the settings allow it.
    ///   - issuer: the issuer's URL.
    ///   - maxBytes: a longer document is refused.
    func document(at url: String, of issuer: String, maxBytes: Int) async throws(IssuerKeysError) -> IssuerDocument
}

/// A document of an issuer, as it came.
package struct IssuerDocument: Sendable {
    package let bytes: [UInt8]
    /// How long it may be kept, by its `Cache-Control`; zero where it may not; nil where the answer says nothing.
    package let maxAge: Duration?

    package init(bytes: [UInt8], maxAge: Duration? = nil) {
        self.bytes = bytes
        self.maxAge = maxAge
    }
}

/// Why an issuer's keys could not be had.
package struct IssuerKeysError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// The issuer could not be asked, or failed to answer: name, address, connection, TLS, time-out, 429, 5xx. To ask again
        /// later may help.
        case unavailable
        /// It answered, and not with what an issuer has to answer.
        case invalid
    }

    package let kind: Kind
    /// Names the host. Safe to show: it repeats nothing of the answer.
    package let detail: String

    package init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    package var description: String { detail }
}

/// For a server that asks no issuer.
package struct NoIssuerKeys: IssuerKeys {
    package init() {}

    package func document(at url: String, of issuer: String, maxBytes: Int) async throws(IssuerKeysError) -> IssuerDocument {
        throw IssuerKeysError(.unavailable, "this server asks no issuers")
    }
}
