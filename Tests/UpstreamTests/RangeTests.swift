import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirUpstream

/// Parts of blobs, and links that expire.
@Suite struct RangeTests {
    /// Answers ranges of `content` correctly.
    private static func part(_ content: String, _ request: SeenRequest, etag: String = "\"one\"") -> Reply {
        let headers = [("ETag", etag), ("Accept-Ranges", "bytes")]
        guard let range = request.header("range"), request.header("if-range") ?? etag == etag else {
            return Reply(200, headers, content)
        }
        let ends = range.dropFirst("bytes=".count).split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard let first = ends[0] else { return Reply(416) }
        let last = min(ends[1] ?? content.count - 1, content.count - 1)
        let bytes = Array(content.utf8)[first...last]
        return Reply(
            206, headers + [("Content-Range", "bytes \(first)-\(last)/\(content.count)")], String(decoding: bytes, as: UTF8.self))
    }

    @Test func aPartInTheMiddleComesAlone() async throws {
        let server = try await RudeServer { Self.part("0123456789", $0) }
        try await withClient(.reaching(server.url)) { client in
            let blob = try await client.blob(Digest(someDigest), range: UpstreamRange(offset: 3, length: 4), in: .at())
            #expect(blob.offset == 3 && blob.size == 10 && blob.servesRanges && blob.validator == "\"one\"")
            #expect(String(buffer: try await collected(blob.body)) == "3456")
            let end = try await client.blob(Digest(someDigest), range: UpstreamRange(offset: 8, length: 100), in: .at())
            #expect(String(buffer: try await collected(end.body)) == "89")
            let first = try await client.blob(Digest(someDigest), range: UpstreamRange(offset: 0, length: 1), in: .at())
            #expect(String(buffer: try await collected(first.body)) == "0")
        }
        #expect(server.requests.map { $0.header("range") } == ["bytes=3-6", "bytes=8-107", "bytes=0-0"])
    }

    @Test func whatHasChangedComesWhole() async throws {
        let server = try await RudeServer { Self.part("0123456789", $0, etag: "\"two\"") }
        try await withClient(.reaching(server.url)) { client in
            let blob = try await client.blob(
                Digest(someDigest), range: UpstreamRange(offset: 3, validator: "\"one\""), in: .at())
            #expect(blob.offset == 0 && blob.validator == "\"two\"")
            #expect(String(buffer: try await collected(blob.body)) == "0123456789")
        }
        #expect(server.requests.first?.header("if-range") == "\"one\"")
    }

    @Test(arguments: ["bytes 3-7/10", "bytes 3-5/10", "bytes 2-6/10", "bytes 3-6/5"])
    func anotherPartThanTheOneAskedForIsRefused(range: String) async throws {
        let server = try await RudeServer { _ in Reply(206, [("Content-Range", range)], "3456") }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.invalid) {
                _ = try await client.blob(Digest(someDigest), range: UpstreamRange(offset: 3, length: 4), in: .at())
            }
        }
    }

    @Test(
        "Numbers with which nobody can reckon are an answer without sense",
        arguments: [
            "bytes 0-9223372036854775807/*", "bytes 0-9223372036854775806/9223372036854775807", "bytes 0-0/9223372036854775807",
        ])
    func numbersBeyondReckoning(range: String) async throws {
        let server = try await RudeServer { request in
            request.method == "HEAD" ? Reply(405) : Reply(206, [("Content-Range", range)], "x")
        }
        let front = try await RudeServer { _ in .redirect(server.url + "/blob") }
        try await withClient(.reaching(front.url)) { client in
            for range in [UpstreamRange(offset: 0, length: 1), .from(0), UpstreamRange(offset: 0, length: 4 << 20)] {
                _ = await refusal(.invalid) { _ = try await client.blob(Digest(someDigest), range: range, in: .at()) }
            }
            // A host that refuses HEAD is asked for the first byte.
            _ = await refusal(.invalid) { _ = try await client.blobSize(Digest(someDigest), in: .at()) }
        }
    }

    @Test(
        "A length that no blob has is no length", arguments: ["9223372036854775807", "9007199254740993", "18446744073709551615"])
    func lengthsBeyondReckoning(length: String) async throws {
        let server = try await RudeServer { request in
            Reply(raw: "HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n" + (request.method == "HEAD" ? "" : "x"))
        }
        try await withClient(.reaching(server.url)) { client in
            for _ in 0..<2 {
                await #expect(throws: UpstreamError.self) {
                    let blob = try await client.blob(Digest(someDigest), range: .whole, in: .at())
                    _ = try await collected(blob.body)
                }
                await #expect(throws: UpstreamError.self) { try await client.blobSize(Digest(someDigest), in: .at()) }
            }
        }
    }

    @Test func aWeakTagIsNoValidator() async throws {
        let server = try await RudeServer { Self.part("0123456789", $0, etag: "W/\"one\"") }
        try await withClient(.reaching(server.url)) { client in
            let blob = try await client.blob(Digest(someDigest), range: .whole, in: .at())
            #expect(blob.validator == nil && blob.servesRanges)
        }
    }

    @Test func theLinkToABlobServesItsOtherPartsUntilItExpires() async throws {
        let link = Switch(1)
        let storage = try await RudeServer { request in
            request.query == "X-Amz-Signature=planted-signature-\(link.now)" ? Self.part("0123456789", request) : Reply(403)
        }
        let server = try await RudeServer { request in
            request.header("authorization") == nil
                ? .challenge(#"Basic realm="r""#)
                : .redirect(storage.url + "/blob?X-Amz-Signature=planted-signature-\(link.now)")
        }
        let source = UpstreamSource.at(as: someCredential)
        try await withClient(.reaching(server.url)) { client in
            func part(_ offset: Int64) async throws -> String {
                let blob = try await client.blob(Digest(someDigest), range: UpstreamRange(offset: offset, length: 2), in: source)
                return String(buffer: try await collected(blob.body))
            }
            let found1 = try await part(0)
            #expect(found1 == "01")
            let found2 = try await part(2)
            #expect(found2 == "23")
            #expect(server.requests.filter { $0.path.contains("/blobs/") }.count == 1)
            link.now = 2
            let found3 = try await part(4)
            #expect(found3 == "45")
            #expect(server.requests.filter { $0.path.contains("/blobs/") }.count == 2)
        }
        #expect(storage.requests.count == 4)
        #expect(storage.requests.allSatisfy { $0.header("authorization") == nil })
    }

    @Test func aLinkIsNotHandedToAnotherLogin() async throws {
        let storage = try await RudeServer { Self.part("0123456789", $0) }
        let server = try await RudeServer { _ in .redirect(storage.url + "/blob") }
        try await withClient(.reaching(server.url)) { client in
            for source in [UpstreamSource.at(), .at(owner: "another"), .at("registry.example", "other/app")] {
                _ = try await client.blob(Digest(someDigest), range: .from(1), in: source)
            }
        }
        #expect(server.requests.count == 3)
    }

    @Test func aFreshLinkThatIsRefusedIsAskedForOnceMore() async throws {
        let storage = try await RudeServer { _ in Reply(403) }
        let server = try await RudeServer { _ in .redirect(storage.url + "/blob") }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.denied) { _ = try await client.blob(Digest(someDigest), range: .whole, in: .at()) }
        }
        #expect(server.requests.count == 2 && storage.requests.count == 2)
    }

    @Test func aStorageThatTakesNoHeadStillTellsTheSize() async throws {
        let storage = try await RudeServer { $0.method == "HEAD" ? Reply(403) : Self.part("0123456789", $0) }
        let server = try await RudeServer { _ in .redirect(storage.url + "/blob") }
        try await withClient(.reaching(server.url)) { client in
            let found4 = try await client.blobSize(Digest(someDigest), in: .at())
            #expect(found4 == 10)
        }
    }
}
