import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import UnixSignals
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirStorage
import WeirUpstream
import WeirVault
import WeirWeb

/// The whole program, built from its settings: the only place that knows every room.
struct House: Sendable {
    /// How long a stop may take: what runs is given this long to end.
    static let patience = Duration.seconds(30)

    private let settings: Settings
    /// Holds the data folder's lock as long as the house stands.
    private let folder: DataFolder
    private let database: SQLiteDatabase
    private let store: FileBlobStore
    private let upstream: RegistryClient
    private let registry: Registry
    private let web: FrontDoor
    private let outlets: Outlets
    private let logger: Logger

    /// Opens the data folder, makes on first start what is missing in it, and wires the rooms. Throws `StartProblem` with what to do.
    static func build(_ settings: Settings, metrics: PrometheusRegistry, logger: Logger) async throws -> House {
        let folder = try DataFolder(settings.data)
        let clock = WallClock.system
        let root = try settings.rootKey.map { try RootKey(bytes: $0) } ?? folder.rootKey()
        let database = try SQLiteDatabase(path: folder.database)
        try await database.migrate(VaultSchema.migrations + IdentitySchema.migrations + RegistrySchema.migrations)
        try await checkSealing(settings.sealing, of: database)
        let store = try FileBlobStore(folder: folder.path)

        let vault = try await vault(over: database, root, clock)
        let accessKeys = AccessKeys(database: database, rootKey: root, clock: clock)
        try await accessKeys.load()
        let welcome = try await Welcome.prepare(settings, folder, accessKeys)
        let upstream = try client(settings, clock)
        let outlets = try Outlets(settings, clock: clock, logger: logger)
        var parts = Registry.Parts(
            database: database, store: store, upstream: Upstreams(upstream), keyring: vault.keyring, keys: vault.keys,
            secrets: vault.secrets, clock: clock, logger: logger, sealing: settings.sealing,
            pulls: Pulls.Settings(freshness: settings.freshness, rememberMissing: settings.rememberMissing),
            upstreams: settings.upstreamPolicy, events: outlets.events)
        parts.collection = settings.collection
        parts.uploads.window = settings.uploadWindow
        parts.lifecycle = settings.lifecycle
        parts.auditLines = outlets.auditLines
        let registry = Registry(parts)
        let leftOver = try await registry.uploads.restore()
        if leftOver > 0 { logger.info("Cleared what an earlier run had staged", metadata: ["files": "\(leftOver)"]) }
        let doors = DoorParts(
            settings: settings, registry: registry, vault: vault, accessKeys: accessKeys,
            tokens: RegistryTokens(rootKey: root, keys: accessKeys), clock: clock, metrics: metrics,
            audit: outlets.audit, logger: logger)
        let web = try doors.server(in: folder, welcome)
        return House(
            settings: settings, folder: folder, database: database, store: store, upstream: upstream,
            registry: registry, web: web, outlets: outlets, logger: logger)
    }

    /// The sealing mode says where blobs lie: with another one than the folder's none would be found.
    private static func checkSealing(_ wanted: Blobs.Sealing, of database: SQLiteDatabase) async throws {
        let recorded = try await Blobs.Sealing.recorded(wanted: wanted, in: database)
        guard recorded == wanted else {
            throw StartProblem(
                "the data folder was first used with --sealing \(recorded.rawValue), and its blobs lie there in that form. Start with --sealing \(recorded.rawValue), or with a new folder"
            )
        }
    }

    /// A wrong root key shows here first: nothing that is sealed opens.
    private static func vault(over database: SQLiteDatabase, _ root: RootKey, _ clock: WallClock) async throws -> Vault {
        do {
            return try await Vault.open(database: database, root: root, clock: clock)
        } catch is KeyringError {
            throw StartProblem("the root key does not open what is in the data folder: it belongs to another one")
        }
    }

    private static func client(_ settings: Settings, _ clock: WallClock) throws -> RegistryClient {
        var wishes = UpstreamSettings(
            overrides: settings.upstreams, allowPrivate: settings.allowPrivateUpstreams,
            trustedRealms: settings.trustedRealms, additionalTrustRoots: settings.upstreamCA)
        wishes.trustRootsByHost = settings.upstreamAuthorities
        wishes.awsIdentity = AWSKeys()
        wishes.awsIdentityAccounts = settings.upstreamIdentityAccounts.union([settings.account])
        if let patience = settings.upstreamPatience {
            // A little sooner than the rest, so that it is told apart.
            wishes.timeouts.connect = min(patience * 3 / 4, wishes.timeouts.connect)
            wishes.timeouts.head = patience
            wishes.timeouts.idle = patience
            wishes.progressWindow = min(patience, wishes.progressWindow)
        }
        do {
            return try RegistryClient(settings: wishes, clock: clock)
        } catch {
            throw StartProblem("the upstream settings cannot be used: \(error)")
        }
    }

    /// Serves until SIGTERM or SIGINT, then lets running requests end.
    func run() async throws {
        if settings.sealing == .kmsOnly {
            logger.warning("AES256 repositories are kept unsealed: the volume must be encrypted (--sealing kms-only)")
        }
        // Stopped from the last to the first: the doors close before what stands behind them.
        let services: [any Service] =
            outlets.services + [
                registry.pullTimes, registry.replication, registry.uploads, registry.chores, registry.lifecycle,
                PullsLifetime(registry),
                web,
            ]
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "weir.lifecycle"))
        configuration.maximumGracefulShutdownDuration = Self.patience
        // A client that holds its connection and reads nothing must not keep the program from ending.
        configuration.maximumCancellationDuration = .seconds(10)
        let outcome = await Result { try await ServiceGroup(configuration: configuration).run() }
        await upstream.shutdown()
        await store.shutdown()
        await outlets.drain()
        try database.close()
        logger.info("Stopped", metadata: ["data": "\(folder.path)"])
        if case .failure(let error) = outcome { throw problem(error) }
    }

    private func problem(_ error: any Error) -> StartProblem {
        if let error = error as? IOError, error.errnoCode == EADDRINUSE {
            return StartProblem("the address \(settings.host):\(settings.port) is in use by another program")
        }
        return StartProblem("the server cannot run on \(settings.host):\(settings.port): \(error)")
    }
}

extension Result where Failure == any Error {
    /// What `body` gives or throws.
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}

/// Ends the fills when everything that reads them has ended.
private struct PullsLifetime: Service {
    private let registry: Registry

    init(_ registry: Registry) { self.registry = registry }

    func run() async throws {
        try? await gracefulShutdown()
        await registry.referrers.close()
        await registry.pulls.close()
    }
}

extension WallClock {
    /// The machine's clock.
    static let system = WallClock { Timestamp(microseconds: Int64(saturating: Date().timeIntervalSince1970 * 1_000_000)) }
}
