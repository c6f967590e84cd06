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
    let clock: WallClock
    let metrics: PrometheusRegistry
    let audit: AuditLog
    let logger: Logger

    /// The web server; it tells whoever started the program how to go on, once it listens.
    func server(in folder: DataFolder, _ welcome: Welcome) throws -> FrontDoor {
        let identity = try tlsIdentity(in: folder)
        let web = WebSettings(
            host: settings.host, port: settings.port, tls: identity, publicHost: settings.reachedAs,
            downloadPatience: settings.downloadPatience)
        let operations =
            ECROperations.table(registry: registry, tokens: tokens) + KMSOperations.table(keys: vault.keys)
            + SecretsOperations.table(secrets: vault.secrets) + STSOperations.table(accessKeys: accessKeys)
            + WeirOperations.table(registry: registry, home: settings.registry)
        let aws = AWSDoor(
            accessKeys: accessKeys, operations: operations,
            settings: AWSSettings(
                publicHost: settings.reachedAs, scheme: settings.tls == .none ? .http : .https), clock: clock, audit: audit)
        let readiness = Readiness()
        let doors = Doors(
            aws: aws, registry: registry, tokens: tokens, settings: web, metrics: metrics, clock: clock, audit: audit,
            isReady: { readiness.isReady })
        let text = welcome.text(settings, authority: settings.tls == .selfSigned ? folder.tls("ca.crt") : nil)
        let server = WebServer(doors: doors, settings: web, metrics: metrics, clock: clock, logger: logger) { address in
            readiness.set(true)
            logger.info(
                "Ready", metadata: ["listen": "\(address?.description ?? "")", "public.host": "\(settings.reachedAs)"])
            // Where standard output is for events or audit records, it is for nothing else.
            let isTaken = settings.events == "-" || settings.audit == "-"
            try? (isTaken ? FileHandle.standardError : FileHandle.standardOutput).write(contentsOf: Data(text.utf8))
        }
        return FrontDoor(web: server, readiness: readiness)
    }

    private func tlsIdentity(in folder: DataFolder) throws -> TLSIdentity? {
        switch settings.tls {
        case .none: return nil
        case .selfSigned:
            let host = String(settings.reachedAs.prefix { $0 != ":" })
            var names = [host, "localhost", "127.0.0.1"]
            if settings.host != "0.0.0.0", settings.host != "::" { names.append(settings.host) }
            return try SelfSignedCertificate(
                folder: folder, names: names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
            ).identity()
        case .files(let certificate, let key):
            guard let chain = FileManager.default.contents(atPath: certificate),
                let secret = FileManager.default.contents(atPath: key)
            else { throw StartProblem("the TLS files '\(certificate)' and '\(key)' cannot be read") }
            return TLSIdentity(certificateChain: Array(chain), privateKey: Array(secret))
        }
    }
}

/// The web server, and the sign on its door.
struct FrontDoor: Service {
    let web: WebServer
    let readiness: Readiness

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

    var isReady: Bool { ready.load(ordering: .relaxed) }
    func set(_ value: Bool) { ready.store(value, ordering: .relaxed) }
}
