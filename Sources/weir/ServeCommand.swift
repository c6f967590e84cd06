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
    @Option(help: "The account of the first access key, and of callers that name none. (default: 123456789012)")
    var account: String?
    @Option(help: "The region of callers that name none. (default: us-east-1)")
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
    @Option(help: "A PEM file with authorities to trust for upstream registries, besides the system's.")
    var upstreamCa: String?
    @Option(help: "all, or kms-only: leave AES256 repositories unsealed, for volumes that are encrypted already. (default: all)")
    var sealing: String?
    @Option(help: "Seconds for which upstream's word about a tag counts. (default: 86400)")
    var freshness: Int?
    @Option(help: "trace, debug, info, notice, warning or error. (default: info)")
    var logLevel: String?
    @Option(help: "json or text. (default: text on a terminal, else json)")
    var logFormat: String?

    func run() async throws {
        weir_keep_freed_memory()
        // A file-size limit is then an error of the one write, not the end of the program.
        signal(SIGXFSZ, SIG_IGN)
        let settings: Settings
        do throws(SettingsProblems) {
            settings = try await SettingsReader(commandLine: commandLine, configFile: config).read()
        } catch {
            FileHandle.standardError.write(Data(error.description.utf8))
            throw ExitCode(64)
        }
        settings.bootstrapLogging()
        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)
        let logger = Logger(label: "weir")
        do {
            let house = try await House.build(settings, metrics: metrics, logger: logger)
            try await house.run()
        } catch let problem as StartProblem {
            FileHandle.standardError.write(Data("weir: \(problem)\n".utf8))
            throw ExitCode.failure
        }
    }

    /// What the command line says, by the settings' keys.
    private var commandLine: [AbsoluteConfigKey: ConfigValue] {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
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
        if let freshness { values[Settings.Key.freshness.configKey] = ConfigValue(.int(freshness), isSecret: false) }
        if tlsSelfSigned { values[Settings.Key.tlsSelfSigned.configKey] = ConfigValue(.bool(true), isSecret: false) }
        if !upstreams.isEmpty {
            values[Settings.Key.upstreams.configKey] = ConfigValue(.stringArray(upstreams), isSecret: false)
        }
        if !allowPrivateUpstreams.isEmpty {
            values[Settings.Key.allowPrivateUpstreams.configKey] = ConfigValue(
                .stringArray(allowPrivateUpstreams), isSecret: false)
        }
        return values
    }
}
