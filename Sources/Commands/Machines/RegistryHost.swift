import WeirUpstream

/// A host of image names that a Weir answers at, and where and how to sign in for it.
package struct RegistryHost: Sendable, Equatable {
    /// With the port, if image names have one: compared byte for byte.
    package let name: String
    /// The URL of the server's API.
    package let endpoint: String
    /// Where it is set, or the name tells it.
    package var region: String?
    /// The account, where the name is one of ECR's.
    package var account: String?
    /// A PEM file with the authority to trust.
    package var authority: String?
    /// A profile of the shared files, and a credentials file, for this host alone.
    package var profile: String?
    package var credentialsFile: String?

    /// Throws the end of a sentence whose subject is the host.
    package init(_ name: String, endpoint: String?) throws(CommandProblem) {
        guard Self.isHost(name) else {
            throw CommandProblem("is no host: HOST or HOST:PORT is wanted, in small letters, as it stands before an image's name")
        }
        let endpoint = endpoint ?? "https://\(name)"
        guard let url = try? OutboundURL(endpoint), url.query == nil else {
            throw CommandProblem("has an endpoint that is no URL of a server: https://HOST[:PORT]")
        }
        self.name = name
        self.endpoint = endpoint
        if let place = ECRName(name) { (account, region) = (place.account, place.region) }
    }

    /// A name in small letters or an address, and a port only where it is written plainly.
    private static func isHost(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= 300, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return false }
        var host = name[...]
        if let colon = name.lastIndex(of: ":"), !name.hasSuffix("]") {
            let digits = name[name.index(after: colon)...]
            guard let port = UInt16(digits), port > 0, String(port) == digits else { return false }
            host = name[..<colon]
        }
        return host.lowercased() == host && (try? URLHost(host)) != nil
    }
}

/// The account and the region in a host name of ECR's form.
struct ECRName {
    let account: String
    let region: String

    /// Nil for other names: `123456789012.dkr.ecr.us-east-1.amazonaws.com`, also with `ecr-fips`, `dkr-ecr` and another domain.
    init?(_ host: String) {
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard let account = labels.first, account.utf8.count == 12, account.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        let rest: ArraySlice<Substring>
        if labels.count > 4, labels[1] == "dkr", ["ecr", "ecr-fips"].contains(labels[2]) {
            rest = labels[3...]
        } else if labels.count > 3, ["dkr-ecr", "dkr-ecr-fips"].contains(labels[1]) {
            rest = labels[2...]
        } else {
            return nil
        }
        guard let region = rest.first, region.contains("-") else { return nil }
        self.account = String(account)
        self.region = String(region)
    }
}
