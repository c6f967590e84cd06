package import Logging
package import NIOCore
import ServiceLifecycle
package import WeirCore

/// The web server as a service of the program: it listens, and shows every request to its door.
package struct WebServer: Service {
    private let listener: HTTPListener
    private let onListening: @Sendable (SocketAddress?) async -> Void

    /// - Parameter onListening: called once, with the address, when connections are taken.
    package init(
        doors: Doors, settings: WebSettings, metrics: PrometheusRegistry, clock: WallClock, logger: Logger,
        onListening: @escaping @Sendable (SocketAddress?) async -> Void = { _ in }
    ) {
        listener = HTTPListener(settings: settings, metrics: metrics, clock: clock, logger: logger) {
            await doors.answer($0)
        }
        self.onListening = onListening
    }

    package func run() async throws { try await listener.run(onListening: onListening) }
}
