import WeirCore

/// Which token servers may get an upstream's login.
///
/// The realm comes from a response header. A login that went wherever it points could be had by anybody who can answer one
/// request (CVE-2026-33540). So it goes only to the upstream's own host, to a host of the same registered domain, to the vendor's
/// known token servers, and to those that the operator names. It never goes to plain http when the upstream is https.
package enum Realm {
    /// Why `realm` gets no login of `upstream`, as the end of a sentence, or nil where it may have it.
    package static func objection(to realm: OutboundURL, of upstream: Upstream) -> String? {
        if let downgrade = downgrade(to: realm, of: upstream) { return downgrade }
        let base = upstream.base
        if realm.host == base.host {
            // Where the operator gives the upstream's URL, the token server is often on the next port.
            let isNear = realm.port == base.port || realm.port == realm.scheme.defaultPort || upstream.isOverridden
            return isNear ? nil : "is on another port of that host"
        }
        // A realm that the settings name with a port is trusted on that port alone.
        let names = [realm.host.description, "\(realm.host):\(realm.port)"]
        if names.contains(where: upstream.trustedRealms.contains) { return nil }
        guard case .name(let realmName) = realm.host, case .name(let name) = base.host else {
            return "is on another host"
        }
        let isNear = Vendor(host: name)?.tokenServers.contains(realmName) ?? false || isSameDomain(realmName, name)
        guard isNear else { return "is on a host that does not belong to it" }
        return realm.port == realm.scheme.defaultPort ? nil : "is on an unusual port"
    }

    /// The part of the rule that applies also to requests without a login.
    static func downgrade(to realm: OutboundURL, of upstream: Upstream) -> String? {
        guard upstream.base.scheme == .https, realm.scheme == .http else { return nil }
        let isLocal = upstream.isOverridden && upstream.base.host.isLoopback && realm.host == upstream.base.host
        return isLocal ? nil : "is not https while the upstream is"
    }

    /// True where both names lie in one registered domain. It does not have the whole public suffix list: where in doubt, it says
    /// no.
    static func isSameDomain(_ one: String, _ other: String) -> Bool {
        guard let domain = registeredDomain(one) else { return false }
        return domain == registeredDomain(other)
    }

    /// The last two labels, or three below a country's own suffix such as `co.uk`; nil where strangers share that domain.
    static func registeredDomain(_ name: String) -> String? {
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2, !SharedDomains.holds(name) else { return nil }
        let suffix = labels.suffix(2).joined(separator: ".")
        let second = labels[labels.count - 2]
        guard labels[labels.count - 1].utf8.count == 2, second.utf8.count <= 4 else { return suffix }
        return labels.count >= 3 ? labels.suffix(3).joined(separator: ".") : nil
    }
}
