import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirUpstream

/// A look (a HEAD, or the list of referrers) may say yes. Its no decides nothing, since registries may answer a GET otherwise.
@Suite struct LookTests {
    private let someBlob: Digest

    init() throws { someBlob = try Digest(someDigest) }

    private static let refusals = [
        Reply(400), Reply(401), Reply(403), Reply(404), Reply(405), Reply(501),
        Reply(200, [("Content-Type", "text/html")], "<html>"),
    ]

    @Test(arguments: refusals)
    func aBlobThatAHeadRefusesIsAskedForItsFirstByte(refusal: Reply) async throws {
        let server = try await RudeServer { request in
            request.method == "HEAD" ? refusal : Reply(206, [("Content-Range", "bytes 0-0/3000")], "x")
        }
        try await withClient(.reaching(server.url)) { client in
            let size = try await client.blobSize(someBlob, in: .at())
            #expect(size == 3000)
        }
        #expect(server.requests.last?.header("range") == "bytes=0-0")
    }

    @Test(arguments: [400, 416, 501])
    func aServerWithoutRangesIsAskedForTheWhole(status: Int) async throws {
        let server = try await RudeServer { request in
            if request.method == "HEAD" { return Reply(401) }
            return request.header("range") == nil ? Reply(200, [], "blob") : Reply(status)
        }
        try await withClient(.reaching(server.url)) { client in
            let size = try await client.blobSize(someBlob, in: .at())
            #expect(size == 4)
        }
    }

    @Test func whatAGetRefusesTooIsRefused() async throws {
        for (status, kind) in [(401, UpstreamError.Kind.denied), (403, .denied), (404, .notFound)] {
            let server = try await RudeServer { _ in Reply(status) }
            try await withClient(.reaching(server.url)) { client in
                _ = await refusal(kind) { _ = try await client.blobSize(someBlob, in: .at()) }
                _ = await refusal(kind) { _ = try await client.resolve(.latest, in: .at()) }
            }
        }
    }

    @Test func aLimitAndAnOutageAreBelievedAtOnce() async throws {
        for status in [429, 500, 503] {
            let server = try await RudeServer { _ in Reply(status) }
            try await withClient(.reaching(server.url)) { client in
                await #expect(throws: UpstreamError.self) { _ = try await client.blobSize(someBlob, in: .at()) }
                await #expect(throws: UpstreamError.self) { _ = try await client.resolve(.latest, in: .at()) }
            }
            #expect(server.requests.map(\.method) == ["HEAD", "HEAD"])
        }
    }

    @Test(arguments: [400, 401, 403, 404])
    func aTagThatAHeadDoesNotFindIsAskedFor(status: Int) async throws {
        let server = try await RudeServer { request in
            request.method == "HEAD" ? Reply(status) : Reply(200, [("Content-Type", MediaType.ociIndex)], someManifest)
        }
        try await withClient(.reaching(server.url)) { client in
            let found = try await client.resolve(.latest, in: .at())
            #expect(found.digest == Digest(of: ByteBuffer(string: someManifest).readableBytesView))
        }
    }

    @Test(
        "However a registry says that it has no list of referrers, the tag schema is asked",
        arguments: [Reply(400), Reply(401), Reply(403), Reply(404), Reply(405), Reply(410), Reply(501)])
    func referrersByTag(reply: Reply) async throws {
        let server = try await RudeServer { request in
            if request.path.contains("/referrers/") { return reply }
            return Reply(
                200, [("Content-Type", MediaType.ociIndex)],
                #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[{"digest":"\#(someDigest)","size":7}]}"#)
        }
        try await withClient(.reaching(server.url)) { client in
            let found = try await client.referrers(of: someBlob, artifactType: nil, in: .at())
            #expect(found.count == 1)
        }
    }

    @Test func anotherHostsNoToReferrersIsNotTheRegistrys() async throws {
        let elsewhere = try await RudeServer(host: "127.0.0.2") { _ in Reply(429, [("Retry-After", "600")]) }
        let server = try await RudeServer { request in
            request.path.contains("/referrers/") ? .redirect(elsewhere.url + "/too/many", 303) : Reply(404)
        }
        var settings = UpstreamSettings.reaching(server.url)
        settings.allowPrivate = ["127.0.0.2"]
        try await withClient(settings) { client in
            let found = try await client.referrers(of: someBlob, artifactType: nil, in: .at())
            #expect(found.isEmpty)
        }
    }

    @Test func theTagOfReferrersMayAnswerTheImageItself() async throws {
        let index =
            #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[{"digest":"\#(someDigest)","size":7}]}"#
        let subject = Digest(of: ByteBuffer(string: index).readableBytesView)
        let image =
            #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","config":{"digest":"\#(someDigest)","size":7},"layers":[]}"#
        for (body, type) in [(index, MediaType.ociIndex), (image, MediaType.ociManifest)] {
            let server = try await RudeServer { request in
                request.path.contains("/referrers/") ? Reply(404) : Reply(200, [("Content-Type", type)], body)
            }
            try await withClient(.reaching(server.url)) { client in
                let found = try await client.referrers(of: subject, artifactType: nil, in: .at())
                #expect(found.isEmpty)
            }
        }
    }

    @Test func theScopeThatARegistryDemandsIsAskedFor() async throws {
        let demanded = "repository(plugin):library/app:pull"
        let server = try await RudeServer { request in
            if request.path == "/token" {
                let grants = request.query.contains("repository%28plugin%29") || request.query.contains("repository(plugin)")
                return .json(#"{"token":"\#(grants ? "good" : "poor")"}"#)
            }
            if request.header("authorization") == "Bearer good" { return .json(someManifest) }
            return .challenge(#"Bearer realm="http://\#(request.header("host") ?? "")/token",service="s",scope="\#(demanded)""#)
        }
        try await withClient(.reaching(server.url)) { client in
            for _ in 0..<2 { _ = try await client.manifest(.latest, in: .at()) }
        }
        #expect(server.requests(to: "/token").count == 1)
        #expect(server.requests(to: LoginTests.path).count == 3)
    }
}
