import ConformanceSuites
import Logging
import NIOCore
import Synchronization
import TestSupport
import Testing
import WeirApplication
import WeirCore
import WeirRegistry
import WeirStorage
import WeirVault

/// A registry in memory whose steps a test can order, and which can be started again with what a crash left.
final class CollectionHouse: Sendable {
    static let grace = Duration.seconds(3600)

    let stage = Stage()
    let store: MemoryBlobStore
    let upstream = FakeUpstream(host: "public.ecr.aws")
    let id = Application.testHome
    let caller: Caller
    var keys: Keys { application.keys.vault.keys }
    private let database: any SQLDatabase
    private let clock = TestClock()
    /// Why nothing may be destroyed; nil where it may.
    let forbidden = Forbidden()
    private let application: Application
    private let current: Mutex<Registry>

    final class Forbidden: Sendable {
        let reason = Mutex<Refusal?>(nil)
    }

    init(cacheSize: Int64? = nil) async throws {
        caller = Caller.root(of: id.account)
        let (stage, forbidden) = (stage, forbidden)
        let database = try Application.strictDatabase()
        self.database = database
        store = MemoryBlobStore(stagedBy: { Stage.actor }) { step, actor throws(BlobStoreError) in
            try stage.step(as: Self.actor(of: step, stage) ?? actor)
        }
        application = try await Application.inMemory(
            database, store: store, upstream: upstream, clock: clock.wall,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        ) { settings, ports in
            settings.collection = Collector.Settings(interval: nil, grace: Self.grace, cacheSize: cacheSize)
            ports.database = SteppedDatabase(base: database, stage: stage)
            ports.destruction = DestructionPermit { forbidden.reason.withLock { $0 } }
        }
        current = Mutex(application.registry)
    }

    /// The actor of a step on a thread where the task is not known: only the collector removes, and only the other actor
    /// restores.
    private static func actor(of step: MemoryBlobStore.Step, _ stage: Stage) -> Int? {
        switch step {
        case .delete, .quarantine, .deleteQuarantined: stage.collector
        case .release: 1 - stage.collector
        case .commit: nil
        }
    }

    var registry: Registry { current.withLock { $0 } }

    /// As after a kill: all memory is lost, rows and files stay as they were.
    func restart() throws {
        _ = try store.clearStaging()
        let registry = application.rebuilt().registry
        current.withLock { $0 = registry }
    }

    var now: Timestamp { clock.now }
    /// Another number after each write.
    var version: UInt64? { database.version }

    /// As with another database, which lacks what these tables held.
    func forget(_ tables: [String]) async throws {
        try await database.write { sql in for table in tables { try sql.execute("DELETE FROM \(table)", []) } }
    }

    func spoilManifests() async throws {
        try await database.write { _ = try $0.execute("UPDATE image SET manifest = $1", [.bytes([1, 2, 3])]) }
    }

    func pass(_ duration: Duration) { clock.pass(duration) }

    // MARK: What actors do

    func create(_ names: String...) async throws {
        for name in names {
            _ = try await registry.repositories.create(
                RepositoryName(name), in: id, settings: RepositorySettings())
        }
    }

    @discardableResult
    func push(_ blob: ByteBuffer, to name: String) async throws -> Digest {
        let digest = Digest(of: blob.readableBytesView)
        try await registry.uploads.push(Parts([blob]), digest: digest, to: RepositoryName(name), of: id)
        return digest
    }

    /// As docker does: asks first, and sends only what is missing.
    func pushIfMissing(_ blob: ByteBuffer, to name: String) async throws {
        let digest = Digest(of: blob.readableBytesView)
        do {
            _ = try await registry.pulls.blobs.pull(digest, in: RepositoryName(name), of: id, for: caller, .head)
        } catch let refusal as Refusal where refusal.reason == .blobUnknown {
            try await push(blob, to: name)
        }
    }

    /// Puts an image whose one layer is also its configuration.
    @discardableResult
    func put(_ layer: ByteBuffer, as tag: String, in name: String) async throws -> Digest {
        let digest = Digest(of: layer.readableBytesView)
        let manifest = Manifests.image(
            config: digest, size: layer.readableBytes, layers: [(digest, layer.readableBytes)])
        return try await registry.images.put(
            ByteBuffer(string: manifest), contentType: nil, as: .tag(Tag(tag)), in: RepositoryName(name), of: id
        ).digest
    }

    func delete(_ digest: Digest, in name: String) async throws {
        try await registry.images.delete(.digest(digest), in: RepositoryName(name), of: id)
    }

    func read(_ digest: Digest, in name: String) async throws -> ByteBuffer {
        try await registry.pulls.blobs.pull(digest, in: RepositoryName(name), of: id, for: caller).wholeBody()
    }

    @discardableResult
    func collect(dryRun: Bool = false, grace: Duration? = nil, force: Bool = false) async throws -> CollectionReport {
        try await registry.maintenance.collector.collect(Collector.Orders(isDryRun: dryRun, grace: grace, force: force))
    }

    func verify(repair: Bool = false, givingUpPushed: Bool = false) async throws -> VerifyReport {
        try await registry.maintenance.verifier.verify(repair: repair, givingUpPushed: givingUpPushed)
    }

    func restore(_ selection: LostSelection = .all) async throws -> LostReport {
        try await registry.quarantine.restore(selection)
    }

    func location(_ blob: ByteBuffer) -> BlobLocation? {
        store.locations.first { $0.digest == Digest(of: blob.readableBytesView) }
    }
}
