import Exams
import Foundation
import Logging
import NIOCore
import Synchronization
import WeirCore
import WeirRegistry
import WeirStorage
import WeirVault

/// A whole registry over an in-memory database, a folder of its own, a clock that stands still until it is moved, and a fake
/// upstream.
final class TestRegistry: Sendable {
    let upstream = FakeUpstream(host: "public.ecr.aws")
    let database: SQLiteDatabase
    let keys: Keys
    let secrets: Secrets
    let store: FileBlobStore
    let parts: Registry.Parts
    let registry: Registry
    let id: RegistryID
    let caller: Caller
    let folder: String
    private let time = Mutex(Timestamp(seconds: 1_800_000_000))

    init(
        sealing: Blobs.Sealing = .all, pulls: Pulls.Settings = .init(retry: .immediate),
        upstreams: UpstreamPolicy = .init(), events: any EventSink = NoEvents(),
        uploads: Uploads.Settings = .init()
    ) async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        id = RegistryID(account: try AccountID("111122223333"), region: try Region("us-east-2"))
        caller = Caller(
            account: id.account, principalARN: "arn:aws:iam::111122223333:root", isRoot: true, userID: "111122223333")
        let clock = Reference()
        database = try SQLiteDatabase.inMemory()
        try await database.migrate(VaultSchema.migrations + RegistrySchema.migrations)
        let root = try RootKey(bytes: RootKey.newBytes())
        let wall = WallClock { clock.now }
        let keyring = Keyring(database: database, root: root, clock: wall)
        try await keyring.load()
        keys = Keys(database: database, keyring: keyring, clock: wall)
        secrets = Secrets(database: database, keys: keys, clock: wall)
        store = try FileBlobStore(folder: folder)
        var parts = Registry.Parts(
            database: database, store: store, upstream: upstream, keyring: keyring, keys: keys, secrets: secrets,
            clock: wall, logger: Logger(label: "test"), sealing: sealing, pulls: pulls, upstreams: upstreams,
            events: events)
        parts.uploads = uploads
        self.parts = parts
        registry = Registry(parts)
        clock.registry = self
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The registry as the next start of the program finds it.
    func restarted() async throws -> Registry {
        let registry = Registry(parts)
        _ = try await registry.uploads.restore()
        return registry
    }

    func pass(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
    var now: Timestamp { time.withLock { $0 } }

    /// Lets the clock, which is made first, read the time of the registry, which is made last.
    private final class Reference: Sendable {
        private let box = Mutex<Weak>(Weak())
        private struct Weak { weak var registry: TestRegistry? }

        var registry: TestRegistry? {
            get { box.withLock { $0.registry } }
            set { box.withLock { $0.registry = newValue } }
        }
        var now: Timestamp { registry?.now ?? Timestamp(seconds: 1_800_000_000) }
    }

    // MARK: What tests do again and again

    func rule(_ prefix: String = "ecr-public") async throws {
        _ = try await registry.cacheRules.create(
            CacheRuleRequest(
                prefix: Prefix(prefix, lengths: CacheRule.prefixLengths), upstreamURL: "public.ecr.aws"), in: id)
    }

    func pull(_ reference: String, _ name: String) async throws -> ServedManifest {
        try await registry.pulls.manifests.pull(
            WeirCore.Reference(reference), in: RepositoryName(name), of: id, for: caller)
    }

    func blob(_ digest: Digest, _ name: String) async throws -> ServedBlob {
        try await registry.pulls.blobs.pull(digest, in: RepositoryName(name), of: id, for: caller)
    }

    func bytes(_ digest: Digest, _ name: String) async throws -> ByteBuffer {
        try await blob(digest, name).wholeBody()
    }

    /// Pushes a blob in one piece.
    @discardableResult
    func push(_ blob: ByteBuffer, to name: String) async throws -> Digest {
        let digest = Digest(of: blob.readableBytesView)
        let name = try RepositoryName(name)
        let upload = try await registry.uploads.begin(in: name, of: id, for: caller)
        _ = try await registry.uploads.finish(
            upload.id, in: name, of: id, digest: digest, body: Parts([blob]), at: nil)
        return digest
    }

    /// Waits, on the real clock, until something that happens in the background has happened.
    func eventually(_ condition: () async throws -> Bool) async throws {
        // A minute: on a loaded machine that is not long.
        for _ in 0..<12_000 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        struct DidNotHappen: Error {}
        throw DidNotHappen()
    }

    var stagedFiles: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder + "/staging")) ?? []
    }
}

/// A request body in parts.
struct Parts: AsyncSequence, Sendable {
    let parts: [ByteBuffer]

    init(_ parts: [ByteBuffer]) { self.parts = parts }

    struct Iterator: AsyncIteratorProtocol {
        var rest: ArraySlice<ByteBuffer>
        mutating func next() async throws -> ByteBuffer? { rest.popFirst() }
    }
    func makeAsyncIterator() -> Iterator { Iterator(rest: parts[...]) }
}

extension ServedBlob {
    /// Everything, read as a slow client would: in pieces that end nowhere in particular.
    func wholeBody(step: Int = 100_000) async throws -> ByteBuffer {
        var whole = ByteBuffer()
        while true {
            var part = try await body.read(at: Int64(whole.readableBytes), upTo: step)
            if part.readableBytes == 0 { return whole }
            whole.writeBuffer(&part)
        }
    }
}

/// Bytes that do not repeat, the same for the same seed.
func noise(_ count: Int, seed: UInt64 = 1) -> ByteBuffer {
    var state = seed
    var bytes = [UInt8]()
    bytes.reserveCapacity(count)
    for _ in 0..<count {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes.append(UInt8(truncatingIfNeeded: state >> 33))
    }
    return ByteBuffer(bytes: bytes)
}
