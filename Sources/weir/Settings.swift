import Configuration
import CPlatform
import Foundation
import Logging
import WeirCore
import WeirRegistry
import WeirWeb

/// Everything that can be set, read once and checked whole before anything starts.
struct Settings: Sendable {
    /// The settings' names, as the JSON file spells them; `publicHost` is `WEIR_PUBLIC_HOST` in the environment.
    enum Key: String, CaseIterable, Sendable {
        case data, listen, publicHost, publicURL, account, region
        case tlsCertificate, tlsKey, tlsSelfSigned
        case allowAnyUpstream, optionalUpstreamSecrets, rememberMissing
        case upstreams, allowPrivateUpstreams, upstreamCA, upstreamAuthorities, trustedRealms, upstreamPatience
        case upstreamIdentityAccounts
        case sealing, freshness, logLevel, logFormat
        case events, eventsWebhook, audit, downloadPatience
        case uploadWindow, gcInterval, gcGrace, cacheSize
        case lifecycleInterval
        case acceptEmptyDatabase, acceptOlderDatabase, acceptMissingBlobs, allowCoreDumps, reserve
        case maxConnections, connectionsPerAddress, metricsListen, metricsTokenFile
        case rulesPerRegistry, upstreamContact

        var configKey: AbsoluteConfigKey { AbsoluteConfigKey([rawValue]) }

        /// The variable that sets it.
        var variable: String {
            "WEIR_"
                + rawValue.replacing("CA", with: "Ca").replacing("URL", with: "Url").reduce(into: "") { name, letter in
                    if letter.isUppercase { name.append("_") }
                    name.append(letter.uppercased())
                }
        }
    }

    enum LogFormat: String, Sendable { case json, text }

    /// How TLS is spoken, if it is.
    enum TLS: Sendable, Equatable {
        case none
        case files(certificate: String, key: String)
        case selfSigned
    }

    /// The first access key, where the environment gives it.
    struct RootAccessKey: Sendable {
        let id: String
        let secret: String
    }

    var data = "weir-data"
    var host = "127.0.0.1"
    var port = 5050
    var publicHost: String?
    /// How clients reach the server, where that is not how it speaks itself: a proxy ends their TLS.
    var publicScheme: PublicAddress.Scheme?
    var account: AccountID
    var region: Region
    var tls = TLS.none
    /// Upstream hosts to the URLs at which they are really reached.
    var upstreams: [String: String] = [:]
    var allowPrivateUpstreams: Set<String> = []
    var upstreamCA: String?
    /// Whom an upstream's operators may write to about this server's questions: an address or a URL.
    var upstreamContact: String?
    /// Which registries cache rules may name.
    var upstreamPolicy = UpstreamPolicy()
    /// How long upstream's "there is no such image" counts.
    var rememberMissing = Duration.seconds(10)
    /// Upstream hosts to PEM files of the authorities that are trusted for them alone.
    var upstreamAuthorities: [String: String] = [:]
    /// Upstream hosts to the hosts that may ask for their logins besides their own.
    var trustedRealms: [String: Set<String>] = [:]
    /// Accounts besides the home account whose rules may ask ECR registries in this server's own name.
    var upstreamIdentityAccounts: Set<AccountID> = []
    /// How long an upstream may say nothing; nil for the usual, which differs by what it is asked.
    var upstreamPatience: Duration?
    var sealing = Blobs.Sealing.all
    var freshness = Duration.seconds(86_400)
    /// How long an upload may lie untouched before it is given up.
    var uploadWindow = Uploads.Settings().window
    /// Garbage collection and the cap on cached content.
    var collection = Collector.Settings()
    /// When lifecycle policies are carried out.
    var lifecycle = Lifecycle.Settings()
    var logLevel = Logger.Level.info
    var logFormat: LogFormat?
    /// Files for events and for the audit log; `-` is standard output.
    var events: String?
    var audit: String?
    var eventsWebhook: String?
    /// From the environment alone; signs what is posted.
    var eventsWebhookSecret: String?
    /// How long a client may take next to nothing of what it asked for; nil: for ever.
    var downloadPatience: Duration? = .seconds(120)
    /// Connections open at once, as far as the process may open files; and of one client, nil for as many as there is room for.
    var maxConnections = 4_096
    var connectionsPerAddress: Int?
    /// Who may read the metrics, and at which port of their own.
    var metricsAccess = MetricsAccess.thisMachine
    var metricsAt: (host: String, port: Int)?
    var rootAccessKey: RootAccessKey?
    /// 32 bytes, where the environment gives the root key instead of the file.
    var rootKey: [UInt8]?
    /// A file that holds the root key, instead of the data folder's own.
    var rootKeyFile: String?
    /// Doubts about the data folder that somebody has said are meant.
    var acceptedDoubts: Set<StoreBond.Doubt> = []
    /// Bytes that are kept free on the volume; nil for a share of it.
    var reserve: Int64?
    /// Whether a crash may leave an image of the memory, which holds every key.
    var allowsCoreDumps = false

    init(account: AccountID, region: Region) {
        self.account = account
        self.region = region
    }

    var registry: RegistryID { RegistryID(account: account, region: region) }
    /// `host[:port]` as clients reach the server.
    var reachedAs: String { publicHost ?? "localhost:\(port)" }
    var scheme: PublicAddress.Scheme { publicScheme ?? (tls == .none ? .http : .https) }
    var publicURL: String { "\(scheme.rawValue)://\(reachedAs)" }

    /// Whether passwords travel in the clear between machines, as far as the settings tell.
    var isPlainOutside: Bool {
        let isLocal = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        return tls == .none && scheme == .http && !isLocal
    }

    /// Text on a terminal, JSON lines elsewhere, unless the settings say which.
    func bootstrapLogging() {
        let level = logLevel
        let format = logFormat ?? (isatty(STDERR_FILENO) == 1 ? .text : .json)
        weir_tell_of_death_in_json(format == .json ? 1 : 0)
        // What services log on behalf of a request carries its trace too.
        let trace = Logger.MetadataProvider {
            TraceContext.current.map { ["trace.id": "\($0.traceID)", "span.id": "\($0.spanID)"] } ?? [:]
        }
        LogOutput.standardError.tellOfGaps { count in
            let message = "Log lines are missing here: nobody took them in time"
            return format.line(.warning, "weir", message, [("log.dropped", .stringConvertible(count))])
        }
        LoggingSystem.bootstrap { label in
            var handler = LineLogHandler(label: label, format: format)
            handler.logLevel = level
            handler.metadataProvider = trace
            return handler
        }
    }
}

/// Everything that is wrong with the settings, reported together.
struct SettingsProblems: Error, CustomStringConvertible {
    let problems: [String]

    var description: String {
        "weir: the settings cannot be used:\n" + problems.map { "  - \($0)\n" }.joined()
    }
}
