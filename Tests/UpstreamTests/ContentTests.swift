import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirUpstream

@Suite struct ContentTests {
    private let digest: Digest

    init() throws { digest = try Digest(someDigest) }

    // MARK: Manifests

    @Test func aManifestComesAsItIs() async throws {
        let server = try await RudeServer { _ in
            Reply(200, [("Content-Type", "application/vnd.oci.image.index.v1+json; charset=utf-8")], " {\"a\": 1}\n")
        }
        try await withClient(.reaching(server.url)) { client in
            let manifest = try await client.manifest(.latest, in: .at())
            #expect(String(buffer: manifest.bytes) == " {\"a\": 1}\n")
            #expect(manifest.mediaType == MediaType.ociIndex)
        }
    }

    @Test(
        "Manifests that are none",
        arguments: [
            Reply(200, [("Content-Type", "text/html; charset=utf-8")], "<html>Welcome to the hotel</html>"),
            Reply(200, [], "<html>Welcome to the hotel</html>"), Reply(200, [], ""), Reply(200, [], "[]"),
            Reply(200, [("Content-Encoding", "gzip")], ByteBuffer(bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0])),
            Reply(206, [], someManifest), Reply(204), Reply(418),
            Reply(200, [], "{" + String(repeating: " ", count: Manifest.maxBytes)),
            Reply(200, [], "{", length: 5_000_000_000),
            Reply(200, [("Transfer-Encoding", "chunked")], chunked(Manifest.maxBytes + 1)),
            Reply(raw: "SSH-2.0-OpenSSH_9.2\r\n"),
            Reply(raw: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
            Reply(raw: "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 200_000) + "\r\n\r\n"),
        ])
    func noManifests(reply: Reply) async throws {
        let server = try await RudeServer { _ in reply }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.invalid) { _ = try await client.manifest(.latest, in: .at()) }
        }
    }

    private static func chunked(_ count: Int) -> String {
        let part = String(repeating: " ", count: 65536)
        let parts = String(repeating: "10000\r\n\(part)\r\n", count: count / 65536 + 1)
        return "1\r\n{\r\n\(parts)0\r\n\r\n"
    }

    @Test func resolvingAsksByHEAD() async throws {
        let server = try await RudeServer { request in
            request.path.hasSuffix("/odd")
                ? Reply(200, [("Docker-Content-Digest", "sha256:../../x")])
                : request.path.hasSuffix("/old")
                    ? Reply(405)
                    : Reply(200, [("Docker-Content-Digest", someDigest), ("Content-Type", MediaType.ociIndex)], someManifest)
        }
        try await withClient(.reaching(server.url)) { client in
            let found = try await client.resolve(.latest, in: .at())
            #expect(found == UpstreamDescriptor(digest: digest, mediaType: MediaType.ociIndex))
            #expect(try await client.resolve(Reference("odd"), in: .at()).digest == nil)
            #expect(try await client.resolve(Reference("old"), in: .at()).digest == nil)
        }
        #expect(server.requests.allSatisfy { $0.method == "HEAD" })
    }

    // MARK: Blobs

    @Test func aBlobFromItsMiddle() async throws {
        let server = try await RudeServer { _ in Reply(206, [("Content-Range", "bytes 4-7/8")], "blob") }
        try await withClient(.reaching(server.url)) { client in
            let blob = try await client.blob(digest, from: 4, in: .at())
            #expect(blob.offset == 4 && blob.size == 8)
            #expect(String(buffer: try await collected(blob.body)) == "blob")
        }
    }

    @Test(
        "Ranges that lie",
        arguments: [
            Reply(206, [("Content-Range", "bytes 0-3/8")], "blob"), Reply(206, [("Content-Range", "bytes 5-8/9")], "blob"),
            Reply(206, [("Content-Range", "bytes 4-7/9")], "blob"), Reply(206, [("Content-Range", "bytes 4-9/10")], "blob"),
            Reply(206, [("Content-Range", "nonsense")], "blob"), Reply(206, [], "blob"), Reply(416),
            Reply(206, [("Content-Type", "multipart/byteranges; boundary=x")], "--x--"),
        ])
    func badRanges(reply: Reply) async throws {
        let server = try await RudeServer { _ in reply }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.invalid) { _ = try await client.blob(digest, from: 4, in: .at()) }
        }
    }

    @Test(
        "A range that nobody asked for",
        arguments: [Reply(206, [("Content-Range", "bytes 0-3/8")], "blob"), Reply(206, [], "blob")])
    func unasked(reply: Reply) async throws {
        let server = try await RudeServer { _ in reply }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.invalid) { _ = try await client.blob(digest, from: 0, in: .at()) }
        }
    }

    @Test(
        "What a header says of the bytes does not matter: their digest tells (D 07)",
        arguments: ["gzip", "x-gzip", "aws-chunked", "identity", "br, gzip", "nonsense"])
    func labels(encoding: String) async throws {
        let headers = [("Content-Encoding", encoding), ("Content-Type", "text/html")]
        let server = try await RudeServer { request in
            if request.path.contains("/manifests/") { return Reply(200, headers, someManifest) }
            return request.header("range") == nil
                ? Reply(200, headers, "the blob") : Reply(206, headers + [("Content-Range", "bytes 4-7/8")], "blob")
        }
        try await withClient(.reaching(server.url)) { client in
            let found1 = try await String(buffer: client.manifest(.latest, in: .at()).bytes)
            #expect(found1 == someManifest)
            let found2 = try await String(buffer: collected(client.blob(digest, from: 0, in: .at()).body))
            #expect(found2 == "the blob")
            let found3 = try await String(buffer: collected(client.blob(digest, from: 4, in: .at()).body))
            #expect(found3 == "blob")
        }
    }

    @Test func aHeadOnWhichItHangsUpIsAskedForByGet() async throws {
        let server = try await RudeServer { request in
            if request.method == "HEAD" { return Reply(raw: "", ending: .close) }
            return request.path.contains("/manifests/")
                ? Reply(200, [("Content-Type", MediaType.ociIndex)], someManifest)
                : Reply(206, [("Content-Range", "bytes 0-0/3000")], "x")
        }
        try await withClient(.reaching(server.url)) { client in
            let found4 = try await client.resolve(.latest, in: .at()).digest
            #expect(found4 == Digest(of: ByteBuffer(string: someManifest).readableBytesView))
            let found5 = try await client.blobSize(digest, in: .at())
            #expect(found5 == 3000)
        }
    }

    @Test(
        "A body that breaks off ends in an error",
        arguments: [
            Reply(200, [], "the bl", length: 8, ending: .close), Reply(200, [], "the bl", length: 8, ending: .reset),
            Reply(200, [("Transfer-Encoding", "chunked")], "3\r\nthe\r\n", ending: .close),
            Reply(200, [("Transfer-Encoding", "chunked")], "8\r\nthe", ending: .close),
            Reply(200, [], "", length: 8, ending: .close),
        ])
    func truncated(reply: Reply) async throws {
        let server = try await RudeServer { _ in reply }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.unavailable) {
                _ = try await collected(client.blob(digest, from: 0, in: .at()).body)
            }
        }
    }

    @Test(
        "A chunked range of another length than it says",
        arguments: [
            ("3\r\nblo\r\n0\r\n\r\n", UpstreamError.Kind.unavailable), ("5\r\nblobs\r\n0\r\n\r\n", .invalid),
        ])
    func wrongLength(body: String, kind: UpstreamError.Kind) async throws {
        let server = try await RudeServer { _ in
            Reply(206, [("Content-Range", "bytes 4-7/8"), ("Transfer-Encoding", "chunked")], body)
        }
        try await withClient(.reaching(server.url)) { client in
            let blob = try await client.blob(digest, from: 4, in: .at())
            _ = await refusal(kind) { _ = try await collected(blob.body) }
        }
    }

    @Test func aBodyThatFallsSilentIsCutOff() async throws {
        let server = try await RudeServer { _ in Reply(200, [], "the bl", length: 8) }
        try await withClient(.reaching(server.url, idle: .seconds(1))) { client in
            let blob = try await client.blob(digest, from: 0, in: .at())
            let error = await refusal(.unavailable) { _ = try await collected(blob.body) }
            #expect(error?.detail.contains("nothing came for 1 s") == true)
        }
    }

    @Test func aBigBlobComesWholeAndInLargeParts() async throws {
        let size = 64 * 1024 * 1024
        let content = ByteBuffer(repeating: 7, count: size)
        let server = try await RudeServer { _ in Reply(200, [], content) }
        try await withClient(.reaching(server.url)) { client in
            let blob = try await client.blob(digest, from: 0, in: .at())
            var received = 0
            var largest = 0
            for try await part in blob.body {
                received += part.readableBytes
                largest = max(largest, part.readableBytes)
            }
            #expect(received == size)
            #expect(largest > 128 * 1024)
        }
    }

    @Test func aBlobThatIsNotReadToTheEndIsLetGo() async throws {
        let content = ByteBuffer(repeating: 7, count: 8 * 1024 * 1024)
        let server = try await RudeServer { _ in Reply(200, [], content) }
        try await withClient(.reaching(server.url)) { client in
            for _ in 0..<100 { _ = try await client.blob(digest, from: 0, in: .at()).size }
        }
    }

    @Test func theSizeIsAskedByHEAD() async throws {
        let server = try await RudeServer { $0.method == "HEAD" ? Reply(200, [], "12345") : Reply(500) }
        try await withClient(.reaching(server.url)) { client in
            let size = try await client.blobSize(digest, in: .at())
            #expect(size == 5)
        }
    }
}
