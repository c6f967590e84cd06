import Logging
import Metrics
import ServiceLifecycle
import WeirCore
import WeirRegistry
import WeirSettings
import WeirUpstream

/// Where the server writes events and audit records: files, standard output, a webhook, as the settings say.
struct Sinks: Sendable {
    let events: any EventSink
    /// Where audit records go.
    let auditLines: (any LineSink)?
    private let webhook: EventWebhook?
    private let files: [LineFile]

    init(_ settings: Settings, clock: WallClock, logger: Logger) throws(StartProblem) {
        var files: [(output: LineFile.Output, file: LineFile)] = []
        func file(_ text: String?, _ name: String) throws(StartProblem) -> LineFile? {
            guard let output = text.map(LineFile.Output.init) else { return nil }
            // Two writers of the same file would interleave their lines.
            if let known = files.first(where: { $0.output == output }) { return known.file }
            let new = try LineFile(output, name: name, logger: logger)
            files.append((output, new))
            return new
        }
        let eventFile = try file(settings.events, "events")
        let auditFile = try file(settings.audit, "audit")
        let webhook = try Self.webhook(settings, logger)
        var sinks: [any LineSink] = []
        if let eventFile { sinks.append(eventFile) }
        if let webhook { sinks.append(webhook) }
        events = sinks.isEmpty ? NoEvents() : EventPrinter(sinks, clock: clock)
        auditLines = auditFile
        self.webhook = webhook
        self.files = files.map(\.file)
    }

    private static func webhook(_ settings: Settings, _ logger: Logger) throws(StartProblem) -> EventWebhook? {
        guard let url = settings.eventsWebhook else { return nil }
        let dropped = Counter(label: "weir_dropped_lines_total", dimensions: [("sink", "webhook")])
        do {
            return try EventWebhook(
                url: url, secret: settings.eventsWebhookSecret, additionalTrustRoots: settings.upstreamCA, logger: logger
            ) { dropped.increment() }
        } catch {
            throw StartProblem("the webhook cannot be used: \(error)")
        }
    }

    /// Services that run beside the web server and end after it, so that its last events are sent.
    var services: [any Service] { webhook.map { [WebhookLifetime(webhook: $0)] } ?? [] }

    /// Closes the webhook's connections. For a program that failed to start.
    func shutdown() async {
        webhook?.close()
        await webhook?.run()
    }

    /// Writes what still waits. Call it at the end of the program.
    func drain() async {
        for file in files { await file.drain() }
    }
}

/// Posts events until the program stops, then those that still wait.
private struct WebhookLifetime: Service {
    let webhook: EventWebhook

    func run() async throws {
        await withGracefulShutdownHandler {
            await webhook.run()
        } onGracefulShutdown: {
            webhook.close()
        }
    }
}
