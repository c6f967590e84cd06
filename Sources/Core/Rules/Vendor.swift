/// A well-known registry: one row for each. No other place knows a vendor by name.
///
/// `Tests/Clients/harness/vendors.py` has the same rows for the stand-ins; docs/upstreams.md says what each does on the wire.
package struct Vendor: Sendable {
    package enum Hosts: Sendable {
        case name(String)
        /// Each customer has its own host.
        case names(@Sendable (String) -> Bool)
    }

    /// ECR's name for it; `.other` if ECR has none.
    package let kind: UpstreamKind
    package let hosts: Hosts
    /// Other names of the host that people and clients write.
    package let aliases: Set<String>
    /// True if ECR demands a secret for a rule.
    package let needsSecret: Bool
    /// Prefixed to a name of one part, since no repository there has such a name: `library/`.
    package let implicitNamespace: String?
    /// A public repository that the validation of a rule asks for. Empty for none: some token servers refuse a good login that
    /// asks for a repository that does not exist.
    package let probe: String
    /// Token servers outside the vendor's own domain.
    package let tokenServers: Set<String>
    /// True if it answers "unauthorized" for an unknown name, so that private names cannot be probed.
    package let hidesUnknownNames: Bool

    private init(
        _ kind: UpstreamKind, _ hosts: Hosts, aliases: Set<String> = [], needsSecret: Bool = false,
        implicitNamespace: String? = nil,
        probe: String = "", tokenServers: Set<String> = [], hidesUnknownNames: Bool = false
    ) {
        self.kind = kind
        self.hosts = hosts
        self.aliases = aliases
        self.needsSecret = needsSecret
        self.implicitNamespace = implicitNamespace
        self.probe = probe
        self.tokenServers = tokenServers
        self.hidesUnknownNames = hidesUnknownNames
    }

    /// The first row that matches a host counts.
    package static let all: [Vendor] = [
        Vendor(.ecrPublic, .name("public.ecr.aws"), probe: "docker/library/hello-world"),
        Vendor(.quay, .name("quay.io"), probe: "quay/busybox", hidesUnknownNames: true),
        Vendor(.kubernetes, .name("registry.k8s.io"), probe: "pause"),
        Vendor(
            .dockerHub, .name("registry-1.docker.io"), aliases: ["docker.io", "index.docker.io"], needsSecret: true,
            implicitNamespace: "library/", probe: "library/hello-world", tokenServers: ["auth.docker.io"], hidesUnknownNames: true
        ),
        Vendor(.gitHub, .name("ghcr.io"), needsSecret: true, probe: "actions/actions-runner", hidesUnknownNames: true),
        Vendor(
            .gitLab, .name("registry.gitlab.com"), needsSecret: true, probe: "gitlab-org/gitlab-runner",
            tokenServers: ["gitlab.com"], hidesUnknownNames: true),
        Vendor(.chainguard, .name("cgr.dev"), needsSecret: true, probe: "chainguard/static", hidesUnknownNames: true),
        Vendor(.azure, .names(isAzure), needsSecret: true, probe: "weir/validation", hidesUnknownNames: true),
        Vendor(.ecr, .names(isECR), probe: "weir/validation"),
        // The vendor shares its domain with its customers' buckets; no bucket can have the token server's name.
        Vendor(.other, .names(isAlibaba), tokenServers: ["dockerauth.cn-hangzhou.aliyuncs.com"]),
    ]

    /// The vendor of a bare host or an alias; nil for an unknown registry.
    package init?(host: String) {
        guard let vendor = Self.all.first(where: { $0.has(host) || $0.aliases.contains(host) }) else { return nil }
        self = vendor
    }

    /// True for a host that a rule can name; false for an alias.
    package func has(_ host: String) -> Bool {
        switch hosts {
        case .name(let name): name == host
        case .names(let fit): fit(host)
        }
    }

    /// All names of the vendor's one host; nil if each customer has a host.
    package var names: Set<String>? {
        guard case .name(let name) = hosts else { return nil }
        return aliases.union([name])
    }

    // MARK: Hosts of customers

    /// `NAME.azurecr.io`, where NAME is one label of letters and digits.
    private static func isAzure(_ host: String) -> Bool {
        guard host.hasSuffix(".azurecr.io") else { return false }
        let name = host.dropLast(".azurecr.io".count)
        return !name.isEmpty && name.utf8.count <= 63 && name.utf8.allSatisfy(isLabelByte)
    }

    /// `ACCOUNT.dkr.ecr.REGION.amazonaws.com`.
    private static func isECR(_ host: String) -> Bool {
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count == 6 || labels.count == 7, labels[1] == "dkr", labels[2] == "ecr",
            labels[4] == "amazonaws", labels[5] == "com", labels.count == 6 || labels[6] == "cn"
        else { return false }
        return (try? AccountID(String(labels[0]))) != nil && (try? Region(String(labels[3]))) != nil
    }

    /// `registry.REGION.aliyuncs.com`, or `NAME-registry.REGION.cr.aliyuncs.com` for Enterprise Edition.
    private static func isAlibaba(_ host: String) -> Bool {
        guard host.hasSuffix(".aliyuncs.com") else { return false }
        let labels = host.split(separator: ".")
        return (labels.count == 4 && labels[0] == "registry") || (labels.count == 5 && labels[2] == "cr")
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte == 0x2d
    }
}

extension UpstreamKind {
    /// The kind of a bare host; nil for a host that ECR does not know.
    package init?(host: String) {
        guard let vendor = Vendor(host: host), vendor.kind != .other, vendor.has(host) else { return nil }
        self = vendor.kind
    }

    /// The kind's row; nil for `.other`.
    package var vendor: Vendor? { self == .other ? nil : Vendor.all.first { $0.kind == self } }

    /// True if ECR demands a secret for this kind.
    package var needsSecret: Bool { vendor?.needsSecret ?? false }
}
