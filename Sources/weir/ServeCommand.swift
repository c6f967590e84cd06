import ArgumentParser
import CPlatform
import Foundation
import Logging
import Metrics
import ServiceLifecycle
import WeirCore
import WeirSettings
import WeirWeb

/// `weir serve`: reads the settings, builds the server, runs it until SIGTERM or SIGINT.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the registry and the AWS API on one port.",
        discussion: """
            Every option has an environment variable (--public-host is WEIR_PUBLIC_HOST) and a key in the JSON file that \
            --config names ("publicHost"). The command line wins over the environment, the environment over the file.
            """)

    @OptionGroup var options: SettingsOptions

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
            settings = try await options.settings(environment: ProcessInfo.processInfo.environment)
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
        Gauge(
            label: "weir_build_info", dimensions: [("version", WeirVersion.number), ("build", Version.build)]
        ).record(1)
        let logger = Logger(label: "weir")
        logger.info(
            "Weir starts",
            metadata: ["version": "\(WeirVersion.number)", "build": "\(Version.build)", "data": "\(settings.data)"])
        do {
            let server = try await ServerProcess.build(settings, metrics: metrics, logger: logger)
            try await server.run()
            await LogOutput.standardError.drain()
        } catch {
            let problem = StartProblem(unexpected: error, in: settings.data)
            await LogOutput.standardError.drain()
            try? FileHandle.standardError.write(contentsOf: Data("weir: \(problem)\n".utf8))
            throw ExitCode.failure
        }
    }
}
