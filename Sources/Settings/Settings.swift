package import Logging
package import WeirCore
package import WeirRegistry
package import WeirWeb

/// Everything that can be set, read once and checked whole before anything starts.
///
/// What stands here is what holds where nothing is set. Names, bounds and help are in the settings' rows (`Setting`).
package struct Settings: Sendable {
    package enum LogFormat: String, Sendable { case json, text }

    /// How TLS is spoken, if it is.
    package enum TLS: Sendable, Equatable {
        case none
        case files(certificate: String, key: String)
        case selfSigned
    }

    /// The first access key, where the environment gives it.
    package struct RootAccessKey: Sendable {
        package let id: String
        package let secret: String
    }

    package var data = "weir-data"
    package var listen = ListenAddress(host: "127.0.0.1", port: 5050)
    package var publicHost: String?
    /// How clients reach the server, where that is not how it speaks itself: a proxy ends their TLS. Goes before `publicHost`.
    package var publicAddress: PublicAddress?
    package var account: AccountID
    package var region: Region
    package var tlsCertificate: String?
    package var tlsKey: String?
    package var isTLSSelfSigned = false
    /// Upstream hosts to the URLs at which they are really reached.
    package var upstreams: [String: String] = [:]
    package var allowPrivateUpstreams: Set<String> = []
    /// Hosts at which OpenID Connect issuers may be private.
    package var allowPrivateIssuers: Set<String> = []
    package var upstreamCA: String?
    /// Whom an upstream's operators may write to about this server's questions: an address or a URL.
    package var upstreamContact: String?
    /// Which registries cache rules may name.
    package var upstreamPolicy = UpstreamPolicy()
    /// How long upstream's "there is no such image" counts.
    package var rememberMissing = Duration.seconds(10)
    /// Upstream hosts to PEM files of the authorities that are trusted for them alone.
    package var upstreamAuthorities: [String: String] = [:]
    /// Upstream hosts to the hosts that may ask for their logins besides their own.
    package var trustedRealms: [String: Set<String>] = [:]
    /// Accounts besides the home account whose rules may ask ECR registries in this server's own name.
    package var upstreamIdentityAccounts: Set<AccountID> = []
    /// How long an upstream may say nothing; nil for the usual, which differs by what it is asked.
    package var upstreamPatience: Duration?
    package var sealing = Blobs.Sealing.all
    package var freshness = Duration.seconds(86_400)
    /// How long an upload may lie untouched before it is given up.
    package var uploadWindow = Uploads.Settings().window
    /// Garbage collection and the cap on cached content.
    package var collection = Collector.Settings()
    /// How rights are decided.
    package var authorization = AuthorizationSettings()
    /// When lifecycle policies are carried out.
    package var lifecycle = Lifecycle.Settings()
    package var logLevel = Logger.Level.info
    package var logFormat: LogFormat?
    /// Files for events and for the audit log; `-` is standard output.
    package var events: String?
    package var audit: String?
    package var eventsWebhook: String?
    /// From the environment alone; signs what is posted.
    package var eventsWebhookSecret: String?
    /// How long a client may take next to nothing of what it asked for; nil: for ever.
    package var downloadPatience: Duration? = .seconds(120)
    /// Connections open at once, as far as the process may open files; and of one client, nil for as many as there is room for.
    package var maxConnections = 4_096
    package var connectionsPerAddress: Int?
    /// A port of their own for the metrics.
    package var metricsAt: ListenAddress?
    package var metricsTokenFile: String?
    /// What a reader of the metrics must show: from the environment, or from `metricsTokenFile`.
    package var metricsToken: String?
    package var rootAccessKey: RootAccessKey?
    /// 32 bytes, where the environment gives the root key instead of the file.
    package var rootKey: [UInt8]?
    /// A file that holds the root key, instead of the data folder's own.
    package var rootKeyFile: String?
    /// Doubts about the data folder that the operator has said are meant.
    package var acceptedDoubts: Set<StoreBond.Doubt> = []
    /// Bytes that are kept free on the volume; nil for a share of it.
    package var reserve: Int64?
    /// Whether a crash may leave an image of the memory, which holds every key.
    package var allowsCoreDumps = false

    /// In seconds: ECR's is the longest, and STS's shortest session the shortest.
    package static let registryTokenLifetimes = 900...43_200
    /// How long a registry's token lasts.
    package var registryTokenLifetime = Duration.seconds(registryTokenLifetimes.upperBound)
    package var registryTokenEndsWithSession = false
    package var iamUserPasswords = Switch.on
    /// Whether clients without a login may pull what a policy opens to `*`.
    package var allowsAnonymousPulls = false

    package enum Switch: String, Sendable { case on, off }

    package init(account: AccountID, region: Region) {
        self.account = account
        self.region = region
    }

    /// What holds where nothing is set.
    package init() throws(NameError) {
        self.init(account: try AccountID("123456789012"), region: try Region("us-east-1"))
    }
}

/// What follows from several settings.
extension Settings {
    package var host: String { listen.host }
    package var port: Int { listen.port }
    package var registry: RegistryID { RegistryID(account: account, region: region) }
    /// `host[:port]` as clients reach the server.
    package var reachedAs: String { publicAddress?.host ?? publicHost ?? "localhost:\(port)" }
    package var scheme: PublicAddress.Scheme { publicAddress?.scheme ?? (tls == .none ? .http : .https) }
    package var publicURL: String { "\(scheme.rawValue)://\(reachedAs)" }

    package var tls: TLS {
        if isTLSSelfSigned { return .selfSigned }
        guard let tlsCertificate, let tlsKey else { return .none }
        return .files(certificate: tlsCertificate, key: tlsKey)
    }

    /// Who may read the metrics at the port where everything else is.
    package var metricsAccess: MetricsAccess {
        if metricsAt != nil { return .elsewhere }
        return metricsToken.map { .bearer(Array($0.utf8)) } ?? .thisMachine
    }

    /// Whether passwords travel in the clear between machines, as far as the settings tell.
    package var isPlainOutside: Bool {
        let isLocal = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        return tls == .none && scheme == .http && !isLocal
    }
}

/// Where to listen.
package struct ListenAddress: Sendable, Equatable {
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// - Parameter text: `HOST:PORT`, `[IPV6]:PORT`, or `:PORT` for every IPv4 address of the machine. Nil where it is none.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        self.init(host: host.isEmpty ? "0.0.0.0" : host, port: Int(port))
    }
}

/// Everything that is wrong with the settings, reported together.
package struct SettingsProblems: Error, CustomStringConvertible {
    package let problems: [String]

    package var description: String {
        "weir: the settings cannot be used:\n" + problems.map { "  - \($0)\n" }.joined()
    }
}
