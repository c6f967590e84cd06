import ConformanceSuites
import Foundation
import NIOCore
import TestSupport
import WeirApplication
import WeirCore
import WeirRegistry
import WeirStorage
import WeirVault

/// A whole registry over an in-memory database, a folder of its own, a clock that stands still until it is moved, and a fake
/// upstream.
final class TestRegistry: Sendable {
    let upstream = FakeUpstream(host: "public.ecr.aws")
    let database: any SQLDatabase
    let store: FileBlobStore
    let application: Application
    let id = Application.testHome
    let caller: Caller
    private let temporary: TestFolder
    private let clock = TestClock()

    init(
        sealing: Blobs.Sealing = .all, pulls: Pulls.Settings = .init(retry: .immediate),
        upstreams: UpstreamPolicy = .init(), events: any EventSink = NoEvents(),
        uploads: Uploads.Settings = .init()
    ) async throws {
        temporary = try TestFolder()
        caller = Caller.root(of: id.account)
        database = try Application.strictDatabase()
        store = try FileBlobStore(folder: temporary.path)
        application = try await Application.inMemory(database, store: store, upstream: upstream, clock: clock.wall) {
            settings, ports in
            settings.sealing = sealing
            settings.pulls = pulls
            settings.upstreams = upstreams
            settings.uploads = uploads
            ports.events = events
        }
    }

    var registry: Registry { application.registry }
    var keys: Keys { application.keys.vault.keys }
    var secrets: Secrets { application.keys.vault.secrets }
    var folder: String { temporary.path }

    /// The registry as the next start of the program finds it.
    func restarted() async throws -> Registry {
        let registry = application.rebuilt().registry
        _ = try await registry.uploads.restore()
        return registry
    }

    func pass(_ duration: Duration) { clock.pass(duration) }
    var now: Timestamp { clock.now }

    // MARK: What tests do again and again

    func rule(_ prefix: String = "ecr-public") async throws {
        _ = try await registry.cacheRules.create(
            CacheRuleRequest(
                prefix: Prefix(prefix, lengths: CacheRule.prefixLengths), upstreamURL: "public.ecr.aws"), in: id)
    }

    func pull(_ reference: String, _ name: String) async throws -> ServedManifest {
        try await registry.pulls.manifests.pull(
            Reference(reference), in: RepositoryName(name), of: id, for: caller)
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

    /// Waits, on the real clock, until the condition holds.
    func eventually(_ condition: () async throws -> Bool) async throws {
        // A minute, which is not long on a loaded machine.
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
    /// The whole body, read as a slow client reads it: in pieces of odd lengths.
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
