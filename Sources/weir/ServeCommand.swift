import ArgumentParser
import CPlatform
import Configuration
import Foundation
import Logging
import Metrics
import ServiceLifecycle
import WeirWeb

/// `weir serve`: reads the settings, builds the house, runs it until SIGTERM or SIGINT.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the registry and the AWS API on one port.",
        discussion: """
            Every option has an environment variable (--public-host is WEIR_PUBLIC_HOST) and a key in the JSON file that \
            --config names ("publicHost"). The command line wins over the environment, the environment over the file.
            """)

    @Option(help: "A JSON file with settings.")
    var config: String?
    @Option(help: "The folder that keeps everything. (default: ./weir-data)")
    var data: String?
    @Option(help: "Where to listen, HOST:PORT. (default: 127.0.0.1:5050)")
    var listen: String?
    @Option(help: "HOST[:PORT] as clients reach this server: printed in repository URIs. (default: localhost and the port)")
    var publicHost: String?
    @Option(help: "The account of the root access key, and of what concerns the whole server. (default: 123456789012)")
    var account: String?
    @Option(help: "The region in the credentials file that is made on first start. (default: us-east-1)")
    var region: String?
    @Option(help: "A PEM file with the server's certificate chain.")
    var tlsCertificate: String?
    @Option(help: "A PEM file with the certificate's key.")
    var tlsKey: String?
    @Flag(help: "Speak TLS with a certificate that is made on first start; DATA/tls/ca.crt is what clients must trust.")
    var tlsSelfSigned = false
    @Option(name: .customLong("upstream"), help: "HOST=URL: where an upstream registry is really reached. May be repeated.")
    var upstreams: [String] = []
    @Option(
        name: .customLong("allow-private-upstream"), help: "An upstream host that may live at a private address. May be repeated."
    )
    var allowPrivateUpstreams: [String] = []
    @Flag(help: "Let cache rules name any registry, and not only those that ECR knows.")
    var allowAnyUpstream = false
    @Flag(help: "Let cache rules do without a secret also where ECR demands one.")
    var optionalUpstreamSecrets = false
    @Option(help: "Seconds for which upstream's word counts that there is no such image. (default: 10)")
    var rememberMissing: Int?
    @Option(help: "A PEM file with authorities to trust for upstream registries, besides the system's.")
    var upstreamCa: String?
    @Option(
        name: .customLong("upstream-authority"),
        help: "HOST=FILE: a PEM file with authorities to trust for this upstream alone. May be repeated.")
    var upstreamAuthorities: [String] = []
    @Option(
        name: .customLong("trust-realm"),
        help: "UPSTREAM=HOST: a token server that may have this upstream's login. May be repeated.")
    var trustedRealms: [String] = []
    @Option(
        name: .customLong("upstream-identity-account"),
        help:
            "An account whose rules may ask ECR registries in this server's own name at AWS. May be repeated. (default: --account)"
    )
    var upstreamIdentityAccounts: [String] = []
    @Option(help: "Seconds that an upstream may say nothing. (default: 10 to connect, 30 to answer, 60 in the middle of one)")
    var upstreamPatience: Int?
    @Option(help: "all, or kms-only: leave AES256 repositories unsealed, for volumes that are encrypted already. (default: all)")
    var sealing: String?
    @Option(help: "Seconds for which upstream's word about a tag counts. (default: 86400)")
    var freshness: Int?
    @Option(help: "trace, debug, info, notice, warning or error. (default: info)")
    var logLevel: String?
    @Option(help: "json or text. (default: text on a terminal, else json)")
    var logFormat: String?
    @Option(help: "A file that gets each event as a line of JSON; - is standard output.")
    var events: String?
    @Option(help: "A URL to which each event is posted. WEIR_EVENTS_WEBHOOK_SECRET signs what is posted.")
    var eventsWebhook: String?
    @Option(help: "A file that gets a line of JSON for each call of either door; - is standard output.")
    var audit: String?
    @Option(help: "Seconds after which a client that does not read what it asked for is cut off; 0 is never. (default: 120)")
    var downloadPatience: Int?
    @Option(help: "Seconds after which an upload that nobody continues is given up. (default: 86400)")
    var uploadWindow: Int?
    @Option(help: "Seconds between two collections of garbage; 0 is by command alone. (default: 3600)")
    var gcInterval: Int?
    @Option(help: "Seconds for which a blob is kept that no manifest names yet, for a push under way. (default: 86400)")
    var gcGrace: Int?
    @Option(help: "Seconds within which what meets a lifecycle rule is dealt with; 0 is by command alone. (default: 86400)")
    var lifecycleInterval: Int?
    @Option(help: "Connections open at once, as far as the process may open files. (default: 4096)")
    var maxConnections: Int?
    @Option(help: "Connections of one address (of IPv6: a /64); 0 is as many as there is room for. (default: 0)")
    var connectionsPerAddress: Int?
    @Option(help: "HOST:PORT of a port of their own for /metrics and /healthz, without TLS.")
    var metricsListen: String?
    @Option(help: "A file with the token that whoever reads /metrics must have. WEIR_METRICS_TOKEN may give it too.")
    var metricsTokenFile: String?
    @Option(help: "How much cached content is kept, such as 200GiB: what was longest not pulled gives way. (default: no limit)")
    var cacheSize: String?
    @OptionGroup var start: StartOptions

    func run() async throws {
        weir_tell_of_death()
        // Every connection that is let in, and as many files and connections to upstream again.
        weir_make_room_for_descriptors(16_384)
        // A file-size limit is then an error of the one write, not the end of the program.
        signal(SIGXFSZ, SIG_IGN)
        // And a pipe whose reader has gone.
        signal(SIGPIPE, SIG_IGN)
        let settings: Settings
        do throws(SettingsProblems) {
            settings = try await SettingsReader(commandLine: commandLine, configFile: config).read()
        } catch {
            try? FileHandle.standardError.write(contentsOf: Data(error.description.utf8))
            throw ExitCode(64)
        }
        // Its keys are in memory now, and nowhere else.
        Privacy.forgetSecrets()
        Privacy.keepMemory(allowingCoreDumps: settings.allowsCoreDumps)
        settings.bootstrapLogging()
        let metrics = PrometheusRegistry(help: MetricHelp.texts)
        MetricsSystem.bootstrap(metrics)
        LogOutput.standardError.count(in: Counter(label: "weir_dropped_lines_total", dimensions: [("sink", "log")]))
        let logger = Logger(label: "weir")
        do {
            let house = try await House.build(settings, metrics: metrics, logger: logger)
            try await house.run()
            await LogOutput.standardError.drain()
        } catch let problem as StartProblem {
            await LogOutput.standardError.drain()
            try? FileHandle.standardError.write(contentsOf: Data("weir: \(problem)\n".utf8))
            throw ExitCode.failure
        }
    }

    /// What the command line says, by the settings' keys.
    private var commandLine: [AbsoluteConfigKey: ConfigValue] {
        var values = start.values
        func put(_ key: Settings.Key, _ value: String?) {
            if let value { values[key.configKey] = ConfigValue(.string(value), isSecret: false) }
        }
        put(.data, data)
        put(.listen, listen)
        put(.publicHost, publicHost)
        put(.account, account)
        put(.region, region)
        put(.tlsCertificate, tlsCertificate)
        put(.tlsKey, tlsKey)
        put(.upstreamCA, upstreamCa)
        put(.sealing, sealing)
        put(.logLevel, logLevel)
        put(.logFormat, logFormat)
        put(.events, events)
        put(.eventsWebhook, eventsWebhook)
        put(.audit, audit)
        put(.cacheSize, cacheSize)
        put(.metricsListen, metricsListen)
        put(.metricsTokenFile, metricsTokenFile)
        for (key, number) in [(Settings.Key.maxConnections, maxConnections), (.connectionsPerAddress, connectionsPerAddress)] {
            if let number { values[key.configKey] = ConfigValue(.int(number), isSecret: false) }
        }
        if let uploadWindow { values[Settings.Key.uploadWindow.configKey] = ConfigValue(.int(uploadWindow), isSecret: false) }
        if let gcInterval { values[Settings.Key.gcInterval.configKey] = ConfigValue(.int(gcInterval), isSecret: false) }
        if let lifecycleInterval {
            values[Settings.Key.lifecycleInterval.configKey] = ConfigValue(.int(lifecycleInterval), isSecret: false)
        }
        if let gcGrace { values[Settings.Key.gcGrace.configKey] = ConfigValue(.int(gcGrace), isSecret: false) }
        if let downloadPatience {
            values[Settings.Key.downloadPatience.configKey] = ConfigValue(.int(downloadPatience), isSecret: false)
        }
        if let freshness { values[Settings.Key.freshness.configKey] = ConfigValue(.int(freshness), isSecret: false) }
        if let upstreamPatience {
            values[Settings.Key.upstreamPatience.configKey] = ConfigValue(.int(upstreamPatience), isSecret: false)
        }
        if let rememberMissing {
            values[Settings.Key.rememberMissing.configKey] = ConfigValue(.int(rememberMissing), isSecret: false)
        }
        for (key, isSet) in [
            (Settings.Key.allowAnyUpstream, allowAnyUpstream), (.optionalUpstreamSecrets, optionalUpstreamSecrets),
        ] where isSet {
            values[key.configKey] = ConfigValue(.bool(true), isSecret: false)
        }
        if tlsSelfSigned { values[Settings.Key.tlsSelfSigned.configKey] = ConfigValue(.bool(true), isSecret: false) }
        if !upstreams.isEmpty {
            values[Settings.Key.upstreams.configKey] = ConfigValue(.stringArray(upstreams), isSecret: false)
        }
        for (key, list) in [
            (Settings.Key.upstreamAuthorities, upstreamAuthorities), (.trustedRealms, trustedRealms),
            (.upstreamIdentityAccounts, upstreamIdentityAccounts),
        ] where !list.isEmpty {
            values[key.configKey] = ConfigValue(.stringArray(list), isSecret: false)
        }
        if !allowPrivateUpstreams.isEmpty {
            values[Settings.Key.allowPrivateUpstreams.configKey] = ConfigValue(
                .stringArray(allowPrivateUpstreams), isSecret: false)
        }
        return values
    }
}
