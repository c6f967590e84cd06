import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing
import WeirCore
import WeirUpstream

/// A manifest, as far as the client looks at it.
let someManifest = #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#
let someDigest = "sha256:" + String(repeating: "a", count: 64)
let someCredential = UpstreamCredential(username: "robot", accessToken: "planted-secret")
/// `robot:planted-secret`.
let someBasic = "Basic cm9ib3Q6cGxhbnRlZC1zZWNyZXQ="

/// Shared by all clients of the tests.
let testGroup = MultiThreadedEventLoopGroup.singleton

/// A clock that tests set.
final class TestClock: Sendable {
    private let seconds = Mutex<Int64>(1_800_000_000)

    var clock: WallClock { WallClock { Timestamp(seconds: self.seconds.withLock { $0 }) } }
    func advance(seconds count: Int64) { seconds.withLock { $0 += count } }
}

extension UpstreamSettings {
    static func reaching(
        _ url: String, host: String = "registry.example", idle: Duration = .seconds(5), head: Duration = .seconds(5)
    ) -> UpstreamSettings {
        var settings = UpstreamSettings(
            overrides: [host: url], timeouts: .init(connect: .seconds(5), head: head, idle: idle, document: .seconds(5)),
            systemTrustRoots: nil)
        // A slow second of the tests' machine must not count as a silent upstream.
        settings.breaker = Circuit.Rules(slow: .seconds(60))
        return settings
    }
}

/// Runs `body` with a client, and closes it in any case.
func withClient<Value>(
    _ settings: UpstreamSettings, clock: TestClock = TestClock(), names: NameResolver = NameResolver(),
    _ body: (RegistryClient) async throws -> Value
) async throws -> Value {
    let client = try RegistryClient(
        settings: settings, clock: clock.clock, eventLoopGroup: testGroup, names: names)
    do {
        let value = try await body(client)
        await client.shutdown()
        return value
    } catch {
        await client.shutdown()
        throw error
    }
}

extension UpstreamSource {
    static func at(
        _ host: String = "registry.example", _ repository: String = "library/app",
        as credential: UpstreamCredential? = nil, owner: String = "rule"
    ) -> UpstreamSource {
        UpstreamSource(host: host, repository: repository, credential: credential, owner: owner)
    }
}

extension Reference {
    static var latest: Reference {
        get throws { try Reference("latest") }
    }
}

/// The error that `body` must throw. Fails where it holds a planted secret.
func refusal(
    _ kind: UpstreamError.Kind, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async -> UpstreamError? {
    do {
        try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return nil
    } catch let error as UpstreamError {
        #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
        let text = "\(error) \(error.detail)"
        for secret in ["planted-secret", "cm9ib3Q6", "planted-token", "planted-signature"] {
            #expect(!text.contains(secret), "\(error)", sourceLocation: sourceLocation)
        }
        return error
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
        return nil
    }
}

func collected(_ stream: ByteStream) async throws -> ByteBuffer {
    var whole = ByteBuffer()
    for try await var part in stream { whole.writeBuffer(&part) }
    return whole
}
