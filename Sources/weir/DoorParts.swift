import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirVault
import WeirWeb

/// What the doors are made of.
struct DoorParts {
    let settings: Settings
    let registry: Registry
    let vault: Vault
    let accessKeys: AccessKeys
    let tokens: RegistryTokens
    let steady: SteadyClock
    let metrics: PrometheusRegistry
    let audit: AuditLog
    let logger: Logger

    private static let plainWarning: Logger.Message = """
        This server speaks plain HTTP to other machines: passwords travel in the clear, and docker, podman and containerd refuse it there. Start \
        it with --tls-self-signed or --tls-certificate and --tls-key; where a proxy in front ends TLS, with --public-url https://HOST
        """

    /// The web server; it tells whoever started the program how to go on, once it listens.
    func server(in folder: DataFolder, _ welcome: Welcome, _ identity: TLSIdentity?) -> FrontDoor {
        // What clients sign and are given is of the moment that they and the clock show.
        let clock = WallClock.system
        var web = WebSettings(
            host: settings.host, port: settings.port, tls: identity, publicHost: settings.reachedAs,
            maxConnections: connections, connectionsPerAddress: settings.connectionsPerAddress,
            downloadPatience: settings.downloadPatience)
        web.publicScheme = settings.scheme.rawValue
        web.version = Version.text
        web.metricsAccess = settings.metricsAccess
        web.metricsAt = settings.metricsAt
        if settings.tls == .selfSigned {
            web.renewedTLS = { [settings, logger] in try settings.selfSigned(in: folder, logger: logger).renewed() }
        }
        let operations =
            ECROperations.table(registry: registry, tokens: tokens) + KMSOperations.table(keys: vault.keys)
            + SecretsOperations.table(secrets: vault.secrets) + STSOperations.table(accessKeys: accessKeys)
            + WeirOperations.table(registry: registry, clock: steady, home: settings.registry)
        let strangers = Strangers(logger: logger)
        let aws = AWSDoor(
            accessKeys: accessKeys, access: registry.access, operations: operations,
            settings: AWSSettings(
                publicHost: settings.reachedAs, scheme: settings.scheme == .http ? .http : .https), clock: clock,
            audit: audit, strangers: strangers)
        let readiness = Readiness()
        let doors = Doors(
            aws: aws, registry: registry, tokens: tokens, settings: web, metrics: metrics, clock: clock, audit: audit,
            strangers: strangers, isReady: { readiness.isReady })
        let text = welcome.text(settings, authority: settings.tls == .selfSigned ? folder.tls("ca.crt") : nil)
        let server = WebServer(
            doors: doors, settings: web, metrics: metrics, clock: clock, logger: logger, strangers: strangers, audit: audit
        ) { address in
            readiness.set(true)
            logger.info(
                "Ready", metadata: ["listen": "\(address?.hostAndPort ?? "")", "public.url": "\(settings.publicURL)"])
            if settings.isPlainOutside { logger.warning(Self.plainWarning) }
            // Where standard output is for events or audit records, it is for nothing else.
            let isTaken = settings.events == "-" || settings.audit == "-"
            // Behind a queue, as the log is: a pipe that is full already must not hold up the server.
            (isTaken ? LogOutput.standardError : LogOutput.standardOutput).put(text)
        }
        return FrontDoor(web: server, readiness: readiness)
    }
}

extension DoorParts {
    /// As many as are wanted, or as there are descriptors for.
    private var connections: Int {
        let connections = OpenFiles.connections(wanted: settings.maxConnections)
        if connections < settings.maxConnections {
            logger.warning(
                "Fewer connections are let in than are wanted: the process may open too few files. Raise its limit",
                metadata: ["connections": .stringConvertible(connections), "files.limit": .stringConvertible(OpenFiles.limit)])
        }
        return connections
    }
}

extension Settings {
    /// The certificate that is made here, of the names under which the server is reached.
    func selfSigned(in folder: DataFolder, logger: Logger) -> SelfSignedCertificate {
        let name = String(reachedAs.prefix { $0 != ":" })
        var names = [name, "localhost", "127.0.0.1"]
        if host != "0.0.0.0", host != "::" { names.append(host) }
        return SelfSignedCertificate(
            folder: folder, names: names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }, logger: logger)
    }

    /// The certificate and its key, where TLS is spoken; made where that is wanted and there is none.
    func tlsIdentity(in folder: DataFolder, logger: Logger) throws -> TLSIdentity? {
        switch tls {
        case .none: return nil
        case .selfSigned: return try selfSigned(in: folder, logger: logger).identity()
        case .files(let certificate, let key):
            guard let chain = try StartFile.contents(of: certificate) else {
                throw StartProblem("the TLS file '\(certificate)' is not there")
            }
            guard let secret = try StartFile.contents(of: key) else { throw StartProblem("the TLS file '\(key)' is not there") }
            return TLSIdentity(certificateChain: chain, privateKey: secret)
        }
    }
}

/// The web server, and the sign on its door.
struct FrontDoor: Service {
    let web: WebServer
    let readiness: Readiness

    /// Whether it ever took requests.
    var hasServed: Bool { readiness.hasBeenReady }

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await web.run()
        } onGracefulShutdown: {
            readiness.set(false)
        }
    }
}

/// Whether the server takes requests: what `/healthz` says.
final class Readiness: Sendable {
    private let ready = Atomic(false)
    private let wasReady = Atomic(false)

    var isReady: Bool { ready.load(ordering: .relaxed) }
    var hasBeenReady: Bool { wasReady.load(ordering: .relaxed) }

    func set(_ value: Bool) {
        if value { wasReady.store(true, ordering: .relaxed) }
        ready.store(value, ordering: .relaxed)
    }
}
