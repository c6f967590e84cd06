import ArgumentParser

/// Options of `weir serve`: logs, metrics, events and audit records.
struct OutletOptions: ParsableArguments {
    @Option(
        help: .init(
            "How much is logged. (default: info)", valueName: "trace|debug|info|notice|warning|error"))
    var logLevel: String?
    @Option(help: .init("How the log is written. (default: text on a terminal, else json)", valueName: "json|text"))
    var logFormat: String?
    @Option(help: .init("A port of their own for /metrics and /healthz, without TLS.", valueName: "host:port"))
    var metricsListen: String?
    @Option(
        help: .init(
            "A file with the token that whoever reads /metrics must have. WEIR_METRICS_TOKEN may give it too.",
            valueName: "file"))
    var metricsTokenFile: String?
    @Option(help: .init("A file that gets each event as a line of JSON; - is standard output.", valueName: "file"))
    var events: String?
    @Option(
        help: .init(
            "A URL to which each event is posted. WEIR_EVENTS_WEBHOOK_SECRET signs what is posted.", valueName: "url"))
    var eventsWebhook: String?
    @Option(
        help: .init(
            "A file that gets a line of JSON for each call of either door; - is standard output.", valueName: "file"))
    var audit: String?

    func put(in values: inout OptionValues) {
        values.put(.logLevel, logLevel)
        values.put(.logFormat, logFormat)
        values.put(.metricsListen, metricsListen)
        values.put(.metricsTokenFile, metricsTokenFile)
        values.put(.events, events)
        values.put(.eventsWebhook, eventsWebhook)
        values.put(.audit, audit)
    }
}

/// Options of `weir serve`: how much clients may take.
struct ClientOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: .init("Connections open at once, as far as the process may open files. (default: 4096)", valueName: "count"))
    var maxConnections: String?
    @Option(
        parsing: .unconditional,
        help: .init(
            "Connections of one address (of IPv6: a /64); 0 is as many as there is room for. (default: 0)",
            valueName: "count"))
    var connectionsPerAddress: String?
    @Option(
        parsing: .unconditional,
        help: .init(
            "After what time a client that does not read what it asked for is cut off; 0 is never. (default: 120)",
            valueName: "seconds"))
    var downloadPatience: String?

    func put(in values: inout OptionValues) {
        values.put(number: .maxConnections, maxConnections)
        values.put(number: .connectionsPerAddress, connectionsPerAddress)
        values.put(number: .downloadPatience, downloadPatience)
    }
}
