/// What is known of a registry that many people pull from: one row for each, and no other place that knows a vendor by name.
///
/// `Tests/Clients/harness/vendors.py` has the same rows for the stand-ins; docs/upstreams.md says what each does on the wire.
package struct Vendor: Sendable {
    package enum Hosts: Sendable {
        case name(String)
        /// Each customer has a host of their own.
        case names(@Sendable (String) -> Bool)
    }

    /// How ECR calls it; `.other` where it does not.
    package let kind: UpstreamKind
    package let hosts: Hosts
    /// Other names of the one host, as people and clients write them.
    package let aliases: Set<String>
    /// ECR demands a secret for a rule.
    package let needsSecret: Bool
    /// Goes before a name of one part, which nothing there has: `library/`.
    package let implicitNamespace: String?
    /// A repository to be asked for when a rule is validated. Empty for none: some token servers refuse a good login that asks
    /// for what is not there.
    package let probe: String
    /// Its token servers that lie outside its own domain.
    package let tokenServers: Set<String>
    /// It says "unauthorized" of a name that it does not have, so that nobody can list private ones.
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

    /// The first row that fits a host counts.
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
        // Its domain is shared with its customers' buckets, none of which has the token server's name.
        Vendor(.other, .names(isAlibaba), tokenServers: ["dockerauth.cn-hangzhou.aliyuncs.com"]),
    ]

    /// The vendor of a bare host, also by an alias; nil for a registry that nothing is known of.
    package init?(host: String) {
        guard let vendor = Self.all.first(where: { $0.has(host) || $0.aliases.contains(host) }) else { return nil }
        self = vendor
    }

    /// True for the host that a rule can name, and not for an alias.
    package func has(_ host: String) -> Bool {
        switch hosts {
        case .name(let name): name == host
        case .names(let fit): fit(host)
        }
    }

    /// Every name of the one host; nil where each customer has one.
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

    /// `registry.REGION.aliyuncs.com`, or `NAME-registry.REGION.cr.aliyuncs.com` of an enterprise.
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
    /// The kind that a bare host belongs to, or nil for a host that ECR does not know.
    package init?(host: String) {
        guard let vendor = Vendor(host: host), vendor.kind != .other, vendor.has(host) else { return nil }
        self = vendor.kind
    }

    /// Its row; nil for `.other`, of which nothing is known.
    package var vendor: Vendor? { self == .other ? nil : Vendor.all.first { $0.kind == self } }

    /// ECR demands a secret for these.
    package var needsSecret: Bool { vendor?.needsSecret ?? false }
}
