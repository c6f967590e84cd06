import Logging
import Metrics
import ServiceLifecycle
import WeirCore
import WeirRegistry
import WeirUpstream

/// Where the server tells of what happens in it: files, standard output, a webhook, as the settings name them.
struct Outlets: Sendable {
    let events: any EventSink
    /// Where audit records go.
    let auditLines: (any LineSink)?
    private let webhook: EventWebhook?
    private let files: [LineFile]

    init(_ settings: Settings, clock: WallClock, logger: Logger) throws(StartProblem) {
        var files: [(place: LineFile.Place, file: LineFile)] = []
        func file(_ text: String?, _ name: String) throws(StartProblem) -> LineFile? {
            guard let place = text.map(LineFile.Place.init) else { return nil }
            // Two writers of one place would cut into each other's lines.
            if let known = files.first(where: { $0.place == place }) { return known.file }
            let new = try LineFile(place, name: name, logger: logger)
            files.append((place, new))
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

    /// What runs beside the doors; it ends after them, so that their last events go out.
    var services: [any Service] { webhook.map { [WebhookLifetime(webhook: $0)] } ?? [] }

    /// Lets go of the webhook's connections. For a program that does not start after all.
    func shutdown() async {
        webhook?.close()
        await webhook?.run()
    }

    /// Writes what still waits. For the end of the program.
    func drain() async {
        for file in files { await file.drain() }
    }
}

/// Posts events until the program stops, and then what still waits.
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
