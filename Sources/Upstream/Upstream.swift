import WeirCore

/// A registry as it is really reached: the host that a rule names, and where the settings say it is.
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

    /// Registries that say "unauthorized" of a name that they do not have, so that nobody can list private ones.
    var hidesUnknownNames: Bool {
        switch base.host {
        case .name("registry-1.docker.io"), .name("ghcr.io"), .name("quay.io"): true
        default: ["registry-1.docker.io", "ghcr.io", "quay.io"].contains(host)
        }
    }

    func error(
        _ kind: UpstreamError.Kind, _ detail: String, status: Int? = nil, retryAfter: Duration? = nil
    ) -> UpstreamError {
        UpstreamError(kind, host: host, detail, status: status, retryAfter: retryAfter)
    }

    /// `url` for a sentence: this upstream is "it", others are named.
    func naming(_ url: OutboundURL) -> String {
        url.origin == base.origin ? "it" : "the host \(url.host) that it sends to"
    }
}
