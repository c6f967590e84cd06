package import NIOCore
package import ServiceLifecycle
import Synchronization
import WeirRegistry
import WeirWeb

extension Application {
    /// The web server over the doors.
    ///
    /// - Parameter onListening: called once, with the address, when connections are taken.
    package func webService(onListening: @escaping @Sendable (SocketAddress?) -> Void) -> WebService {
        let server = WebServer(
            router: router, settings: settings.web, metrics: ports.metrics, clock: ports.clientClock, logger: ports.logger,
            strangers: strangers, audit: audit
        ) { [readiness] address in
            readiness.set(true)
            onListening(address)
        }
        return WebService(server: server, readiness: readiness)
    }

    /// Ends the questions to upstream, when everything that reads them has ended.
    package var upstreamWork: some Service { UpstreamWork(registry: registry) }
}

/// The web server, which is not ready any more once it has been told to stop.
package struct WebService: Service {
    let server: WebServer
    let readiness: Readiness

    /// Whether it ever took requests.
    package var hasServed: Bool { readiness.hasBeenReady }

    package func run() async throws {
        try await withGracefulShutdownHandler {
            try await server.run()
        } onGracefulShutdown: {
            readiness.set(false)
        }
    }
}

/// Whether the server takes requests: what `/healthz` says.
package final class Readiness: Sendable {
    private let ready = Atomic(false)
    private let wasReady = Atomic(false)

    package var isReady: Bool { ready.load(ordering: .relaxed) }
    package var hasBeenReady: Bool { wasReady.load(ordering: .relaxed) }

    package func set(_ value: Bool) {
        if value { wasReady.store(true, ordering: .relaxed) }
        ready.store(value, ordering: .relaxed)
    }
}

private struct UpstreamWork: Service {
    let registry: Registry

    func run() async throws {
        try? await gracefulShutdown()
        await registry.referrers.close()
        await registry.pulls.close()
    }
}
