import Logging
import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirUpstream

final class CapturedLines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: String { lines.withLock { $0.joined(separator: "\n") } }
}

/// Keeps everything that is logged.
struct CapturingHandler: LogHandler {
    let lines: CapturedLines
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    init(_ lines: CapturedLines) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.add("\(event.message) \(event.metadata ?? [:]) \(metadata)") }
}

@Suite struct LogTests {
    @Test func noLogHoldsASecret() async throws {
        let storage = try await RudeServer { _ in Reply(200, [], "the blob") }
        let answering = LoginTests.bearer(strangers: false)
        let server = try await RudeServer { request in
            request.path.contains("/blobs/") ? .redirect("\(storage.url)/b?sig=planted-signature") : answering(request)
        }
        let lines = CapturedLines()
        let logger = Logger(label: "test") { _ in CapturingHandler(lines) }
        try await withLogger(logger) { _ in
            try await withClient(.reaching(server.url)) { client in
                _ = try await client.manifest(.latest, in: .at(as: someCredential))
                _ = try await collected(client.blob(Digest(someDigest), from: 0, in: .at(as: someCredential)).body)
            }
        }
        let text = lines.all
        #expect(text.contains("/v2/library/app/manifests/latest") && text.contains(":\(storage.port)/b"))
        for secret in ["planted", "cm9ib3Q6"] { #expect(!text.contains(secret)) }
    }

    @Test func credentialsAndTokensPrintAsNothing() {
        #expect(!"\(someCredential)".contains("planted"))
        var dumped = ""
        dump(someCredential, to: &dumped)
        dump(UpstreamSource.at(as: someCredential), to: &dumped)
        #expect(!dumped.contains("planted"))
    }
}
