import Logging
import WeirCore
import WeirRegistry

extension Setting {
    /// Every setting, in the order in which `--help` has them.
    package static let all =
        PlaceSection.rows + TLSSection.rows + UpstreamSection.rows + IdentitySection.rows + AccessSection.rows + CacheSection.rows
        + OutletSection.rows + ClientSection.rows + StartSection.rows
}

/// What the server keeps where, and as whom clients reach it.
enum PlaceSection: SettingSection {
    static let title = "Where and who"
    static let rows: [Setting] = [
        Setting(
            "data", .text("folder", shown: { "./\($0)" }) { $0 }, \.data, "The folder that keeps everything."),
        Setting(
            "listen", .address, \.listen, "Where to listen.",
            note: "`:5050` is every IPv4 address of the machine, `[::]:5050` IPv6 too."),
        Setting(
            "publicHost", .publicHost, \.publicHost, "The server as clients reach it: printed in repository URIs.",
            note: "`proxyEndpoint` has it too.", standard: "localhost and the port"),
        Setting(
            "publicURL", .text("https://host[:port]") { try PublicAddress(url: $0) }, \.publicAddress,
            "The same with its scheme, where a proxy ends the clients' TLS. Instead of --public-host.",
            note: "See [behind a proxy](#behind-a-proxy)."),
        Setting(
            "account", .text("id", shown: { "\($0)" }) { try AccountID($0) }, \.account,
            "The account of the root access key, and of what concerns the whole server.",
            note: "The data folder remembers its first one and takes no other."),
        Setting(
            "region", .text("name", shown: { "\($0)" }) { try Region($0) }, \.region,
            "The region in the credentials file that is made on first start."),
    ]
}

enum TLSSection: SettingSection {
    static let title = "TLS"
    static let rows: [Setting] = [
        Setting("tlsCertificate", .file, \.tlsCertificate, "A PEM file with the server's certificate chain."),
        Setting("tlsKey", .file, \.tlsKey, "A PEM file with the certificate's key."),
        Setting(
            "tlsSelfSigned", .flag(true), \.isTLSSelfSigned,
            "Speak TLS with a certificate that is made on first start; DATA/tls/ca.crt is what clients must trust."),
    ]
}

/// Which registries cache rules may name, and how these are reached.
enum UpstreamSection: SettingSection {
    static let title = "Upstreams"
    static let rows: [Setting] = [
        Setting(
            "upstreams", option: "upstream", .pairs("host=url", "HOST=URL with an http or https URL", isURL), \.upstreams,
            "Where an upstream registry is really reached.",
            note: "For a mirror, an air gap, a test."),
        Setting(
            "allowAnyUpstream", .flag(.any), \.upstreamPolicy.hosts,
            "Let cache rules name any registry, and not only those that ECR knows.", note: "With or without a port."),
        Setting(
            "allowPrivateUpstreams", option: "allow-private-upstream", .list("host", into: []) { $0.insert($1) },
            \.allowPrivateUpstreams,
            "An upstream that may live at a private address."),
        Setting(
            "optionalUpstreamSecrets", .flag(.optional), \.upstreamPolicy.secrets,
            "Let cache rules do without a secret also where ECR demands one.",
            note: "It does for Docker Hub, GitHub, GitLab, Azure and Chainguard."),
        Setting(
            "upstreamCA", .file, \.upstreamCA,
            "A PEM file with authorities to trust for upstream registries, besides the system's."),
        Setting(
            "upstreamAuthorities", option: "upstream-authority", .pairs("host=file", "HOST=FILE"), \.upstreamAuthorities,
            "A PEM file with authorities to trust for this upstream alone.",
            note: "`HOST` or `HOST:PORT`; the others are trusted too."),
        Setting(
            "trustedRealms", option: "trust-realm", .realms, \.trustedRealms,
            "A token server that may have this upstream's login.", note: "It may lie in another domain."),
        Setting(
            "upstreamIdentityAccounts", option: "upstream-identity-account",
            .list("id", into: []) { $0.insert(try AccountID($1)) }, \.upstreamIdentityAccounts,
            "An account whose rules may ask ECR registries in this server's own name at AWS.",
            note: "See [upstreams.md](upstreams.md).", standard: "--account"),
        Setting(
            "upstreamPatience", .optional(.seconds(from: 1)), \.upstreamPatience, "How long an upstream may say nothing.",
            standard: "10 to connect, 30 to answer, 60 in the middle of one"),
        Setting(
            "upstreamContact", .contact, \.upstreamContact,
            "Whom upstreams may write to: stands in the User-Agent of what they are asked.",
            note: "They are asked as `weir/VERSION (+TEXT)`."),
        Setting(
            "rulesPerRegistry", .count(from: 1, to: CacheRule.mostPerRegistry), \.upstreamPolicy.rulesPerRegistry,
            "How many cache rules a registry may have, \(CacheRule.mostPerRegistry) at most.",
            standard: "\(CacheRule.perRegistry), as in ECR"),
    ]
}

/// Whose tokens are believed, and how their issuers are reached.
enum IdentitySection: SettingSection {
    static let title = "Identity"
    static let rows: [Setting] = [
        Setting(
            "allowPrivateIssuers", option: "allow-private-issuer", .list("host", into: []) { $0.insert($1) },
            \.allowPrivateIssuers,
            "An OpenID Connect issuer that may live at a private address.",
            note:
                "`HOST` or `HOST:PORT`, a cluster's API server say; `http://HOST:PORT` where it speaks no TLS. What its configuration "
                + "names for its keys must be named too. Authorities: `--upstream-authority`."),
        Setting(
            "registryTokenLifetime", .seconds(between: Settings.registryTokenLifetimes), \.registryTokenLifetime,
            "How long a password of `aws ecr get-login-password` lasts, 900 to 43200.",
            note: "Those given out before end so, too."),
        Setting(
            "registryTokenEndsWithSession", .flag(true), \.registryTokenEndsWithSession,
            "Let such a password end with the session that it was asked for with.", note: "At AWS it goes on."),
        Setting(
            "iamUserPasswords", .choice("on|off"), \.iamUserPasswords,
            "Whether IAM users may sign in with an access key: its id as user name, its secret as password.",
            note: "Over HTTPS, or from this machine. Never root's keys."),
        Setting(
            "anonymousPulls", .flag(true), \.allowsAnonymousPulls,
            "Let clients without a login pull what a policy opens to `*`.",
            note: "A first pull through the cache needs `ecr:BatchImportUpstreamImage` for `*` too."),
    ]
}

/// How long upstream's word counts, what is kept, and what goes by itself.
enum CacheSection: SettingSection {
    static let title = "Cache and upkeep"
    static let rows: [Setting] = [
        Setting(
            "freshness", .seconds(), \.freshness, "How long upstream's word about a tag counts; 0 asks at every pull."),
        Setting(
            "rememberMissing", .seconds(), \.rememberMissing, "How long upstream's word counts that there is no such image."),
        Setting(
            "cacheSize", .size(suchAs: "200GiB"), \.collection.cacheSize,
            "How much cached content is kept, such as 200GiB: what was longest not pulled gives way.", standard: "no limit"),
        Setting(
            "reserve", .size(suchAs: "2GiB"), \.reserve,
            "How much is kept free on the volume, such as 2GiB: below it nothing is stored.",
            note: "0: nothing is kept. See [operating](operating.md#disk-full).", standard: "2 % of it, 1 GiB at most"),
        Setting(
            "gcInterval", .unlessZero(.seconds()), \.collection.interval,
            "Time between two collections of garbage; 0 is by command alone.", note: "See [collection.md](collection.md)."),
        Setting(
            "gcGrace", .seconds(), \.collection.grace,
            "How long a blob is kept that no manifest names yet, for a push under way."),
        Setting(
            "lifecycleInterval", .unlessZero(.seconds()), \.lifecycle.interval,
            "Within what time lifecycle policies are carried out; 0 is by command alone.",
            note: "See [lifecycle.md](lifecycle.md)."),
        Setting(
            "uploadWindow", .seconds(from: 1), \.uploadWindow, "After what time an upload that nobody continues is given up.",
            note: "Its bytes are removed then."),
        Setting(
            "sealing", .choice("all|kms-only"), \.sealing,
            "kms-only leaves AES256 repositories unsealed, for volumes that are encrypted already."),
    ]
}

/// Logs, metrics, events and audit records.
enum OutletSection: SettingSection {
    static let title = "Logs, metrics, events"
    static let rows: [Setting] = [
        Setting("logLevel", .choice("trace|debug|info|notice|warning|error"), \.logLevel, "How much is logged."),
        Setting(
            "logFormat", .optional(.choice("json|text")), \.logFormat, "How the log is written.",
            standard: "text on a terminal, else json"),
        Setting(
            "metricsListen", .optional(.address), \.metricsAt,
            "A port of their own for /metrics and /healthz, without TLS.", note: "The other port shows no metrics then."),
        Setting(
            "metricsTokenFile", .file, \.metricsTokenFile,
            "A file with the token that whoever reads /metrics must have. WEIR_METRICS_TOKEN may give it too.",
            note: "16 characters or more."),
        Setting(
            "events", .outlet, \.events, "A file that gets each event as a line of JSON; - is standard output.",
            note: "See [operating](operating.md#events)."),
        Setting(
            "eventsWebhook", .webhook, \.eventsWebhook,
            "A URL to which each event is posted. WEIR_EVENTS_WEBHOOK_SECRET signs what is posted."),
        Setting(
            "audit", .outlet, \.audit,
            "A file that gets a line of JSON for each call of either door; - is standard output.",
            note: "In the shape of CloudTrail's records."),
    ]
}

/// How much clients may take.
enum ClientSection: SettingSection {
    static let title = "Clients"
    static let rows: [Setting] = [
        Setting(
            "maxConnections", .count(from: 16), \.maxConnections,
            "Connections open at once, as far as the process may open files.", note: "See [operating](operating.md#strangers)."),
        Setting(
            "connectionsPerAddress", .unlessZero(.count(from: 0)), \.connectionsPerAddress,
            "Connections of one address (of IPv6: a /64); 0 is as many as there is room for."),
        Setting(
            "downloadPatience", .unlessZero(.seconds()), \.downloadPatience,
            "After what time a client that does not read what it asked for is cut off; 0 is never.",
            note: "Less than 1 KiB a second is not reading."),
    ]
}

/// How users' and roles' rights are decided.
enum AccessSection: SettingSection {
    static let title = "Rights"
    static let rows: [Setting] = [
        Setting(
            "organization", .organization, \.authorization.organization,
            "The organization that this server's accounts form: fills aws:PrincipalOrgID.", note: "Such as `o-a1b2c3d4e5`."),
        Setting(
            "iam", .choice("enforced|soft"), \.authorization.enforcement,
            "soft logs what policies would deny, and does it all the same.",
            note: "To see what a new policy would break. Clients without valid keys are refused as ever."),
        Setting(
            "strictPolicies", .flag(true), \.authorization.refusesUnfilledKeys,
            "Refuse resource policies with condition keys that no request here has.",
            note: "AWS accepts them; without this setting their author is warned."),
        Setting(
            "cacheCreatesRepositories", .flag(true), \.authorization.cacheCreatesRepositories,
            "Let the cache make the repository of a first pull by itself: the caller then needs no ecr:CreateRepository.",
            note: "ecr:BatchImportUpstreamImage is needed all the same."),
    ]
}

/// A start on a folder that does not look as it should, and the process itself.
enum StartSection: SettingSection {
    static let title = "A start that is refused otherwise"
    static let rows: [Setting] = [
        Setting(
            "acceptEmptyDatabase", .flag(true), \.[accepts: .emptyDatabase],
            "Start though weir.db knows nothing of what lies in blobs/: it is lost for good. Use it once.", note: refused),
        Setting(
            "acceptOlderDatabase", .flag(true), \.[accepts: .olderDatabase],
            "Start though weir.db is older than blobs/: what was pushed since is lost for good. Use it once.", note: refused),
        Setting(
            "acceptMissingBlobs", .flag(true), \.[accepts: .otherStore],
            "Start though blobs/ is not the folder that weir.db belongs to: what it held is lost for good. Use it once.",
            note: refused),
        Setting(
            "allowCoreDumps", .flag(true), \.allowsCoreDumps, "Let a crash leave a core dump, which holds every key.",
            note: "A debugger may look in too."),
    ]

    private static let refused = "See [operating](operating.md#a-start-that-is-refused)."
}

// MARK: Kinds that one setting has

extension SettingKind<String?> {
    fileprivate static var publicHost: Self {
        .text("host[:port]") { text in
            do { try PublicAddress.check(text, in: text) } catch {
                throw SettingFlaws("\(error): give HOST[:PORT], without scheme and path, or the whole as publicURL")
            }
            return text
        }
    }

    fileprivate static var organization: Self {
        .text("o-id") { text in
            if AuthorizationSettings.isOrganization(text) { return text }
            throw WrongText(text, "is no organization's id, such as o-a1b2c3d4e5")
        }
    }

    fileprivate static var contact: Self {
        .text("mail or url") { text in
            if WeirVersion.isContact(text) { return text }
            throw WrongText(text, "is no mail address or URL of at most 200 characters")
        }
    }

    /// The URL may hold a password: it is not repeated.
    fileprivate static var webhook: Self {
        .text("url") { text in
            if isURL(text) { return text }
            throw SettingFlaws(setting: "is not an http or https URL")
        }
    }
}

extension SettingKind<[String: Set<String>]> {
    fileprivate static var realms: Self {
        .list("upstream=host", into: [:]) { realms, text in
            let (host, realm) = try pair(text, "HOST=HOST")
            realms[host, default: []].insert(realm)
        }
    }
}

extension Settings {
    fileprivate subscript(accepts doubt: StoreBond.Doubt) -> Bool {
        get { acceptedDoubts.contains(doubt) }
        set { if newValue { acceptedDoubts.insert(doubt) } else { acceptedDoubts.remove(doubt) } }
    }
}

@Sendable private func isURL(_ text: String) -> Bool { text.hasPrefix("http://") || text.hasPrefix("https://") }
