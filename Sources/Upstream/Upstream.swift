import Metrics
import WeirCore

/// A registry as it is really reached: the host that a rule names, and the URL that the settings may give for it.
package struct Upstream: Sendable {
    /// As the rule names it; errors and logs name it so.
    package let host: String
    /// Everything is asked below this URL.
    package let base: OutboundURL
    /// The settings gave the URL.
    package let isOverridden: Bool
    /// The settings let this upstream live at a private address.
    package let mayBePrivate: Bool
    /// Hosts that may ask for its login besides its own.
    package let trustedRealms: Set<String>

    package init(
        host: String, base: OutboundURL, isOverridden: Bool = false, mayBePrivate: Bool = false,
        trustedRealms: Set<String> = []
    ) {
        self.host = host
        self.base = base
        self.isOverridden = isOverridden
        self.mayBePrivate = mayBePrivate
        self.trustedRealms = trustedRealms
    }

    /// It answers "unauthorized" for names that it does not have, so that its private names cannot be listed.
    var hidesUnknownNames: Bool {
        if Vendor(host: host)?.hidesUnknownNames ?? false { return true }
        guard case .name(let name) = base.host else { return false }
        return Vendor(host: name)?.hidesUnknownNames ?? false
    }

    func error(
        _ kind: UpstreamError.Kind, _ detail: String, status: Int? = nil, retryAfter: Duration? = nil,
        step: UpstreamError.Step = .request
    ) -> UpstreamError {
        UpstreamError(kind, host: host, detail, status: status, retryAfter: retryAfter, step: step)
    }

    func count(_ label: String, _ dimension: (String, String), by count: Int64 = 1) {
        Counter(label: label, dimensions: [("host", host), dimension]).increment(by: count)
    }

    /// `url` for a sentence: this upstream is "it", others are named.
    func naming(_ url: OutboundURL) -> String {
        url.origin == base.origin ? "it" : "the host \(url.host) that it sends to"
    }
}
