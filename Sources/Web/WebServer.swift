import HTTPTypes
package import Logging
package import NIOCore
import ServiceLifecycle
package import WeirCore
import WeirServer

/// The web server as a service of the program: it listens, and shows every request to its door.
package struct WebServer: Service {
    /// How often what strangers do is summed up.
    private static let interval = Duration.seconds(60)

    /// How often the certificate is looked at.
    private static let day = Duration.seconds(12 * 3_600)

    private let listener: HTTPListener
    private let metricsListener: HTTPListener?
    private let strangers: Strangers
    private let audit: AuditLog
    private let onListening: @Sendable (SocketAddress?) async -> Void

    /// - Parameter onListening: called once, with the address, when connections are taken.
    package init(
        router: Router, settings: WebSettings, metrics: PrometheusRegistry, clock: WallClock, logger: Logger,
        strangers: Strangers, audit: AuditLog,
        onListening: @escaping @Sendable (SocketAddress?) async -> Void = { _ in }
    ) {
        let isToldAlone = { @Sendable (address: String?) in strangers.requestWasUnreadable(from: address) }
        listener = HTTPListener(
            settings: settings.server, metrics: metrics, clock: clock, logger: logger, logsUnreadable: isToldAlone
        ) { await router.answer($0) }
        metricsListener = settings.metricsAt.map { place in
            let port = ServerSettings(host: place.host, port: place.port, maxConnections: 64)
            let door = OperatorDoor(
                metrics: metrics, access: .everybody, version: settings.version, isReady: router.isReady)
            return HTTPListener(
                settings: port, metrics: metrics, clock: clock, logger: logger, logsUnreadable: isToldAlone
            ) {
                door.answer($0) ?? .text(.notFound, "Here are /metrics, /version and /healthz.", label: .unknown)
            }
        }
        self.strangers = strangers
        self.audit = audit
        self.onListening = onListening
    }

    package func run() async throws {
        defer { strangers.sumUp(audit) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await Self.repeated(each: Self.interval) { strangers.sumUp(audit) } }
            group.addTask { try await Self.repeated(each: Self.day) { listener.renewCertificate() } }
            if let metricsListener { group.addTask { try await Self.serveMetrics(metricsListener) } }
            group.addTask { try await listener.run(onListening: onListening) }
            // The first two end by being cancelled.
            for _ in 0..<(metricsListener == nil ? 1 : 2) { try await group.next() }
            group.cancelAll()
        }
    }

    private static func repeated(each interval: Duration, _ work: () -> Void) async throws {
        while true {
            try await Task.sleep(for: interval)
            work()
        }
    }

    private static func serveMetrics(_ listener: HTTPListener) async throws {
        do { try await listener.run() } catch { throw MetricsUnreachable(error: error) }
    }
}

/// The port for metrics cannot be used.
package struct MetricsUnreachable: Error, CustomStringConvertible {
    package let error: any Error
    package var description: String { "the address of --metrics-listen cannot be used: \(error)" }
}
