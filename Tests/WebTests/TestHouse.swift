import ConformanceSuites
import Foundation
import HTTPTypes
import NIOCore
import TestSupport
import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirServer
import WeirStorage
import WeirWeb

/// All doors over a whole registry: an in-memory database, a folder of its own, a clock that stands still until a test moves it,
/// and a fake upstream.
final class TestHouse: Sendable {
    static let keyID = "AKIAIOSFODNN7EXAMPLE"

    let application: Application
    let upstream = FakeUpstream(host: "public.ecr.aws")
    let id = Application.testHome
    private let clock = TestClock()
    private let folder: TestFolder

    init(sealing: Blobs.Sealing = .all, audit: (any LineSink)? = nil, anonymousPulls: Bool = false) async throws {
        folder = try TestFolder()
        application = try await Application.inMemory(
            store: FileBlobStore(folder: folder.path), upstream: upstream, clock: clock.wall
        ) { settings, ports in
            settings.sealing = sealing
            settings.web.anonymousPulls = anonymousPulls ? settings.home : nil
            ports.auditLines = audit
        }
        try await application.keys.accessKeys.add(id: Self.keyID, secret: "secret", account: id.account)
        application.readiness.set(true)
    }

    var router: Router { application.router }
    var registry: Registry { application.registry }
    var tokens: RegistryTokens { application.tokens }
    var metrics: PrometheusRegistry { application.ports.metrics }

    func pass(_ duration: Duration) { clock.pass(duration) }

    /// `Authorization` as `docker login -u AWS` makes it.
    func authorization(region: String = "us-east-2") throws -> String {
        let registry = RegistryID(account: id.account, region: try Region(region))
        let password = try tokens.issue(
            for: .root(of: id.account), accessKeyID: Self.keyID, region: registry.region, at: clock.now
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

    /// Sends one request through the doors, and reads the whole answer.
    func send(
        _ method: String, _ target: String, _ headers: [String: String] = [:], body: ByteBuffer? = nil,
        host: String = "registry.test", signedIn: Bool = true, from address: String = "127.0.0.1"
    ) async throws -> Answer {
        var fields = HTTPFields()
        if signedIn { fields[.authorization] = try authorization() }
        for (name, value) in headers { fields[try #require(HTTPField.Name(name))] = value }
        let request = WebRequest(
            id: "test-1", method: try #require(HTTPRequest.Method(method)), target: target, authority: host,
            headers: fields, body: body.map { RequestBody($0) } ?? RequestBody(ByteBuffer()))
        let reply = await RequestOrigin.$current.withValue(RequestOrigin(address: address)) { await router.answer(request) }
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
