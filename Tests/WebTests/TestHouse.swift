import Exams
import Foundation
import HTTPTypes
import Logging
import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirStorage
import WeirVault
import WeirWeb

/// All doors over a whole registry: in-memory database, a folder of its own, a clock that stands until it is moved, a fake
/// upstream.
final class TestHouse: Sendable {
    /// The time, which the house's clock reads.
    private final class Time: Sendable { let now = Mutex(Timestamp(seconds: 1_800_000_000)) }

    static let keyID = "AKIAIOSFODNN7EXAMPLE"

    let doors: Doors
    let registry: Registry
    let upstream = FakeUpstream(host: "public.ecr.aws")
    let tokens: RegistryTokens
    let id: RegistryID
    let isReady = Mutex(true)
    let metrics = PrometheusRegistry()
    private let time = Time()
    private let folder: String

    init(sealing: Blobs.Sealing = .all, audit: (any LineSink)? = nil) async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        id = RegistryID(account: try AccountID("111122223333"), region: try Region("us-east-2"))
        let time = time
        let clock = WallClock { time.now.withLock { $0 } }
        let database = try SQLiteDatabase.inMemory()
        try await database.migrate(VaultSchema.migrations + IdentitySchema.migrations + RegistrySchema.migrations)
        let root = try RootKey(bytes: RootKey.newBytes())
        let vault = try await Vault.open(database: database, root: root, clock: clock)
        registry = Registry(
            Registry.Parts(
                database: database, store: try FileBlobStore(folder: folder), upstream: upstream, keyring: vault.keyring,
                keys: vault.keys, secrets: vault.secrets, clock: clock, logger: Logger(label: "test"), sealing: sealing))
        let accessKeys = AccessKeys(database: database, rootKey: root, clock: clock)
        try await accessKeys.add(id: Self.keyID, secret: "secret", account: id.account)
        tokens = RegistryTokens(rootKey: root, keys: accessKeys)
        let readiness = Readiness()
        let strangers = Strangers(logger: Logger(label: "test"))
        doors = Doors(
            aws: AWSDoor(
                accessKeys: accessKeys, access: registry.access,
                operations: ECROperations.table(registry: registry, tokens: tokens),
                settings: AWSSettings(publicHost: "registry.test", scheme: .http), clock: clock, strangers: strangers),
            registry: registry, tokens: tokens,
            settings: WebSettings(host: "127.0.0.1", port: 0, publicHost: "registry.test"),
            metrics: metrics, clock: clock, audit: AuditLog(sink: audit, clock: clock),
            strangers: strangers, isReady: { readiness.house?.isReady.withLock { $0 } ?? true })
        readiness.set(self)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private final class Readiness: Sendable {
        private struct Weak { weak var house: TestHouse? }
        private let box = Mutex(Weak())
        var house: TestHouse? { box.withLock { $0.house } }
        func set(_ house: TestHouse) { box.withLock { $0.house = house } }
    }

    func pass(_ duration: Duration) { time.now.withLock { $0 = $0 + duration } }

    /// `Authorization` as `docker login -u AWS` makes it.
    func authorization(region: String = "us-east-2") throws -> String {
        let registry = RegistryID(account: id.account, region: try Region(region))
        let password = tokens.issue(
            accessKeyID: Self.keyID, registry: registry, at: time.now.withLock { $0 }
        ).password
        return "Basic " + Data("AWS:\(password)".utf8).base64EncodedString()
    }

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let body: ByteBuffer

        var text: String { String(buffer: body) }
        subscript(_ name: StaticString) -> String? { headers[.constant(name)] }
    }

    /// One request through the doors, its whole answer read.
    func send(
        _ method: String, _ target: String, _ headers: [String: String] = [:], body: ByteBuffer? = nil,
        host: String = "registry.test", signedIn: Bool = true, from address: String = "127.0.0.1"
    ) async throws -> Answer {
        var fields = HTTPFields()
        if signedIn { fields[.authorization] = try authorization() }
        for (name, value) in headers { fields[try #require(HTTPField.Name(name))] = value }
        let request = WebRequest(
            id: "test-1", method: try #require(HTTPRequest.Method(method)), target: target, authority: host,
            headers: fields, body: body.map { RequestBytes($0) } ?? RequestBytes(ByteBuffer()))
        let reply = await RequestOrigin.$current.withValue(RequestOrigin(address: address)) { await doors.answer(request) }
        var whole = ByteBuffer()
        switch reply.body {
        case .bytes(let bytes): whole = bytes
        case .absent, .cut: break
        case .blob(let slice):
            whole = slice.first
            while whole.readableBytes < slice.range.count {
                var part = try await slice.blob.body.read(
                    at: slice.range.lowerBound + Int64(whole.readableBytes),
                    upTo: slice.range.count - whole.readableBytes)
                try #require(part.readableBytes > 0)
                whole.writeBuffer(&part)
            }
        }
        return Answer(status: reply.status.code, headers: reply.headers, body: whole)
    }

    // MARK: What tests do again and again

    func repository(_ name: String, _ mutability: TagMutability = .mutable) async throws {
        _ = try await registry.repositories.create(
            RepositoryName(name), in: id, settings: RepositorySettings(mutability: mutability))
    }

    /// Pushes a blob as most clients do.
    func push(_ blob: ByteBuffer, to name: String) async throws -> Digest {
        let digest = Digest(of: blob.readableBytesView)
        let begun = try await send("POST", "/v2/\(name)/blobs/uploads/")
        let done = try await send("PUT", "\(begun["Location"] ?? "")?digest=\(digest)", body: blob)
        try #require(done.status == 201)
        return digest
    }

    /// Pushes an image of one layer.
    func pushImage(_ layer: ByteBuffer, to name: String, tag: String) async throws -> Answer {
        let config = try await push(ByteBuffer(string: "{}"), to: name)
        let digest = try await push(layer, to: name)
        let manifest = """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest)","config":{"mediaType":"application/x","digest":\
            "\(config)","size":2},"layers":[{"mediaType":"application/y","digest":"\(digest)","size":\(layer.readableBytes)}]}
            """
        return try await send(
            "PUT", "/v2/\(name)/manifests/\(tag)", ["Content-Type": MediaType.ociManifest],
            body: ByteBuffer(string: manifest))
    }
}
