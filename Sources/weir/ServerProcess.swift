import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals
import WeirApplication
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirSettings
import WeirStorage
import WeirUpstream
import WeirVault
import WeirWeb

/// The server over its data folder: the only place that knows every room and every driver.
struct ServerProcess: Sendable {
    /// How long a stop may take: running requests have this long to end.
    static let patience = Duration.seconds(30)

    private let settings: Settings
    /// Holds the data folder's lock as long as the server runs.
    private let folder: DataFolder
    private let opened: Opening.Opened
    private let upstream: RegistryClient
    private let issuers: IssuerClient
    private let application: Application
    private let web: WebService
    private let clock: SteadyClock
    private let sinks: Sinks
    private let logger: Logger

    /// Opens the data folder, makes on first start what is missing in it, and builds the application on it. Throws
    /// `StartProblem` with what to do.
    static func build(_ settings: Settings, metrics: PrometheusRegistry, logger: Logger) async throws -> ServerProcess {
        let folder = try DataFolder(settings.data)
        let opened = try await Opening(settings: settings, folder: folder, logger: logger).open()
        do {
            return try await build(settings, on: folder, opened, metrics: metrics, logger: logger)
        } catch {
            // Closing moves the log into the database file. Otherwise an operator who restores another file beside the leftover
            // log would get a mixture.
            try? opened.database.close()
            throw StartProblem(unexpected: error, in: folder.path)
        }
    }

    private static func build(
        _ settings: Settings, on folder: DataFolder, _ opened: Opening.Opened, metrics: PrometheusRegistry, logger: Logger
    ) async throws -> ServerProcess {
        let steady = try await SteadyClock(.system, database: opened.database, logger: logger)
        let keys = try await keys(over: opened, steady.clock)
        try await checkAccount(settings.account, keys.accessKeys.rootAccounts, of: opened.database)
        let firstStart = try await FirstStart.prepare(settings, folder, keys.accessKeys, keys.accounts)
        let web = try settings.web(in: folder, logger: logger)
        let sinks = try Sinks(settings, clock: steady.clock, logger: logger)
        // From here on HTTP clients exist that must be shut down on every path: releasing one that still runs ends the program.
        var client: RegistryClient?
        var issuerClient: IssuerClient?
        do {
            let upstream = try Self.client(settings, steady.clock)
            client = upstream
            let issuers = try Self.issuers(settings, steady.clock)
            issuerClient = issuers
            var ports = Application.Ports(
                database: opened.database, store: opened.store, upstream: Upstreams(upstream), clock: steady.clock,
                logger: logger)
            // Not the guarded clock: signatures and expiry dates must match the clock that clients see.
            ports.clientClock = .system
            ports.steadyClock = steady
            ports.issuers = issuers
            ports.room = opened.room
            ports.destruction = permit(steady, opened)
            ports.events = sinks.events
            ports.auditLines = sinks.auditLines
            ports.metrics = metrics
            let application = Application(settings.application(web), keys, on: ports)
            let leftOver = try await application.registry.uploads.restore()
            if leftOver > 0 {
                logger.info("Cleared what an earlier run had staged", metadata: ["files": .stringConvertible(leftOver)])
            }
            let service = application.webService {
                firstStart.tell(settings, in: folder, address: $0, logger: logger)
            }
            return ServerProcess(
                settings: settings, folder: folder, opened: opened, upstream: upstream, issuers: issuers,
                application: application, web: service, clock: steady, sinks: sinks, logger: logger)
        } catch {
            await client?.shutdown()
            await issuerClient?.shutdown()
            await sinks.shutdown()
            throw error
        }
    }

    /// The refusal of any destruction now, or nil. It advances the store's mark, so that a copy of the database made before
    /// counts as the older one.
    private static func permit(_ clock: SteadyClock, _ opened: Opening.Opened) -> DestructionPermit {
        DestructionPermit {
            if let refusal = clock.refusal { return refusal }
            do {
                do {
                    try await opened.marks.advance()
                } catch let error as SQLError where error.isFull {
                    // Only now: on a volume that fills up, freed ballast is soon used by other writers, and no reserve would be
                    // left.
                    guard opened.room.dropBallast() else { throw error }
                    try await opened.marks.advance()
                }
                return nil
            } catch {
                // `storageFull` makes the collection give up the quarantine, so no other failure may be reported as that.
                let isFull = (error as? SQLError)?.isFull ?? false
                return error as? Refusal
                    ?? Refusal(isFull ? .storageFull : .storageUnavailable, "The store's mark cannot be moved on: \(error)")
            }
        }
    }

    /// With another account the stored content would be invisible, and its root key would be an additional way in.
    private static func checkAccount(
        _ wanted: AccountID, _ known: Set<AccountID>, of database: SQLiteDatabase
    ) async throws {
        let recorded = try await HomeAccount.recorded(wanted: wanted, known: known, in: database)
        guard recorded == wanted else {
            throw StartProblem(
                "the data folder belongs to the account \(recorded), and the settings say \(wanted). Start with --account \(recorded), or with a new folder"
            )
        }
    }

    /// A wrong root key shows here first: nothing sealed opens.
    private static func keys(over opened: Opening.Opened, _ clock: WallClock) async throws -> Application.Keys {
        do {
            return try await Application.Keys.open(database: opened.database, root: opened.root, clock: clock)
        } catch is KeyringError {
            throw StartProblem("the root key does not open what is in the data folder: it belongs to another one")
        }
    }

    private static func client(_ settings: Settings, _ clock: WallClock) throws -> RegistryClient {
        do {
            return try RegistryClient(settings: wishes(settings), clock: clock)
        } catch {
            throw StartProblem("the upstream settings cannot be used: \(error)")
        }
    }

    private static func issuers(_ settings: Settings, _ clock: WallClock) throws -> IssuerClient {
        do {
            return try IssuerClient(
                settings: wishes(settings), privateIssuers: settings.allowPrivateIssuers, clock: clock)
        } catch {
            throw StartProblem("the settings of OpenID Connect issuers cannot be used: \(error)")
        }
    }

    private static func wishes(_ settings: Settings) -> UpstreamSettings {
        var wishes = UpstreamSettings(
            overrides: settings.upstreams, allowPrivate: settings.allowPrivateUpstreams,
            trustedRealms: settings.trustedRealms, additionalTrustRoots: settings.upstreamCA)
        wishes.userAgent = WeirVersion.userAgent(contact: settings.upstreamContact)
        wishes.trustRootsByHost = settings.upstreamAuthorities
        wishes.awsIdentity = AWSKeys()
        wishes.awsIdentityAccounts = settings.upstreamIdentityAccounts.union([settings.account])
        if let patience = settings.upstreamPatience {
            // A little shorter than the others, so that a failed connection is told apart.
            wishes.timeouts.connect = min(patience * 3 / 4, wishes.timeouts.connect)
            wishes.timeouts.head = patience
            wishes.timeouts.idle = patience
            wishes.progressWindow = min(patience, wishes.progressWindow)
        }
        return wishes
    }

    /// Serves until SIGTERM or SIGINT, then lets running requests end.
    func run() async throws {
        if settings.sealing == .kmsOnly {
            logger.warning("AES256 repositories are kept unsealed: the volume must be encrypted (--sealing kms-only)")
        }
        // Services stop from the last to the first: the web server before what it uses.
        var lifecycleLogger = Logger(label: "weir.lifecycle")
        // Below this level the library prints every service with all its properties.
        lifecycleLogger.logLevel = max(lifecycleLogger.logLevel, .notice)
        let registry = application.registry
        let services: [any Service] =
            sinks.services + [
                clock,
                Upkeep(
                    database: opened.database, room: opened.room, accessKeys: application.keys.accessKeys, logger: logger),
                registry.pullTimes, registry.replication, registry.uploads, registry.maintenance, registry.lifecycle,
                application.upstreamWork, web,
            ]
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
            logger: lifecycleLogger)
        configuration.maximumGracefulShutdownDuration = Self.patience
        // A client that keeps its connection open and reads nothing must not keep the program from ending.
        configuration.maximumCancellationDuration = .seconds(10)
        let outcome = await Result { try await ServiceGroup(configuration: configuration).run() }
        await upstream.shutdown()
        await issuers.shutdown()
        await opened.store.shutdown()
        await sinks.drain()
        // Makes a copy of the database from this run older than the state at its end.
        do { try await opened.marks.advance() } catch {
            logger.warning("The store's mark could not be moved on", metadata: ["error": "\(error)"])
        }
        do { try opened.database.close() } catch {
            logger.warning(
                "weir.db-wal could not be moved into weir.db: copy both",
                metadata: ["data": "\(folder.path)", "error": "\(error)"])
        }
        if web.hasServed { logger.info("Stopped", metadata: ["data": "\(folder.path)"]) }
        if case .failure(let error) = outcome { throw problem(error) }
    }

    private func problem(_ error: any Error) -> StartProblem {
        if let error = error as? MetricsUnreachable, let place = settings.metricsAt {
            return StartProblem(listeningAt: place.host, place.port, by: "--metrics-listen", error.error)
        }
        return StartProblem(listeningAt: settings.host, settings.port, by: "--listen", error)
    }
}

extension WallClock {
    /// The machine's clock, unguarded: for signatures and expiry dates that clients see.
    static let system = WallClock(MachineClocks.system.wall)
}
