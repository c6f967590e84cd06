import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirUpstream

@Suite struct RedirectTests {
    private let digest: Digest
    private var path: String { "/v2/library/app/blobs/\(someDigest)" }

    init() throws { digest = try Digest(someDigest) }

    /// A registry that demands a login and redirects every client that has it to `location`.
    private func sending(to location: String, certificate: String? = nil) async throws -> RudeServer {
        try await RudeServer(certificate: certificate) { request in
            guard request.header("authorization") == someBasic else { return .challenge("Basic realm=x") }
            return request.path.contains("/blobs/") ? .redirect(location) : Reply(200, [], "the blob")
        }
    }

    @Test func theSameOriginKeepsTheLogin() async throws {
        let server = try await sending(to: "/elsewhere?x=%2F&y=1+2")
        try await withClient(.reaching(server.url)) { client in
            let blob = try await client.blob(digest, from: 0, in: .at(as: someCredential))
            #expect(String(buffer: try await collected(blob.body)) == "the blob")
        }
        let last = try #require(server.requests.last)
        #expect(last.uri == "/elsewhere?x=%2F&y=1+2")
        #expect(last.header("authorization") == someBasic)
    }

    @Test(
        "A signed link reaches its storage as it was written",
        arguments: [
            "/a%2Fb;c=1/@x:y/~z/$&'()*+,=!-._?q=a/b?c:d@e&X-Amz-Signature=%7E%2b&empty=&flag", "//double//slash/",
            "/%e2%82%ac/%41",
            "/a/b/?", "/?", "/x?a=b?c=d#fragment",
        ])
    func verbatim(target: String) async throws {
        let storage = try await RudeServer { _ in Reply(200, [], "the blob") }
        let server = try await sending(to: storage.url + target)
        try await withClient(.reaching(server.url)) { client in
            _ = try await client.blobSize(digest, in: .at(as: someCredential))
        }
        #expect(storage.requests.map(\.uri) == [String(target.prefix { $0 != "#" })])
    }

    @Test func anotherPortOfTheSameHostDoesNot() async throws {
        let storage = try await RudeServer { _ in Reply(200, [], "the blob") }
        let server = try await sending(to: "\(storage.url)/b?sig=planted-signature")
        try await withClient(.reaching(server.url)) { client in
            let blob = try await client.blob(digest, from: 3, in: .at(as: someCredential))
            // It has no ranges, so the blob begins at its start.
            #expect(blob.offset == 0 && blob.size == 8)
            #expect(String(buffer: try await collected(blob.body)) == "the blob")
        }
        let request = try #require(storage.requests.first)
        #expect(request.header("authorization") == nil && request.header("cookie") == nil)
        #expect(request.header("range") == "bytes=3-")
        #expect(request.query == "sig=planted-signature")
    }

    @Test(arguments: ["999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "20"])
    func aStorageThatWantsPeaceSpeaksForItselfAndOneBlob(retryAfter: String) async throws {
        let other = try Digest("sha256:" + String(repeating: "b", count: 64))
        let status = Switch(429)
        let storage = try await RudeServer { request in
            request.path == "/\(other)" || status.now == 200
                ? Reply(200, [], "the blob") : Reply(429, [("Retry-After", retryAfter), ("RateLimit-Remaining", "0;w=86400")])
        }
        let server = try await RudeServer { request in
            request.path.contains("/blobs/")
                ? .redirect("\(storage.url)/\(request.path.split(separator: "/").last ?? "")") : .json(someManifest)
        }
        let clock = TestClock()
        try await withClient(.reaching(server.url), clock: clock) { client in
            let upstreams = Upstreams(client)
            for isAsked in [true, false] {
                let error = await refusal(.rateLimited) { _ = try await upstreams.blob(digest, range: .whole, in: .at()) }
                #expect(error?.wasAsked == isAsked && error?.saidElsewhere == "127.0.0.1")
                #expect(error?.detail.contains("the host 127.0.0.1 that it sends to") == true)
                #expect(try #require(error?.retryAfter) <= .seconds(60))
            }
            _ = await refusal(.rateLimited) { _ = try await upstreams.blobSize(digest, in: .at()) }
            #expect(storage.requests.count == 1)
            // The registry itself has said nothing, and the storage nothing of any other blob.
            _ = try await upstreams.manifest(.latest, in: .at())
            _ = try await upstreams.blob(other, range: .whole, in: .at())
            let status0 = client.status(owner: "rule", host: "registry.example")
            #expect(status0?.pausedUntil == nil && status0?.quota == nil)
            clock.advance(seconds: 60)
            status.now = 200
            _ = try await upstreams.blob(digest, range: .whole, in: .at())
        }
    }

    @Test func whoeverRedirectsShutsAStorageForNobodyElse() async throws {
        let storage = try await RudeServer { _ in Reply(503) }
        let server = try await RudeServer { _ in .redirect(storage.url + "/whatever") }
        var settings = UpstreamSettings.reaching(server.url)
        settings.overrides["other.example"] = server.url
        settings.breaker = Circuit.Rules(slow: .seconds(3600), tolerated: 1, firstWait: .seconds(3600))
        try await withClient(settings) { client in
            for isAsked in [true, false] {
                let error = await refusal(.unavailable) { _ = try await client.blob(digest, from: 0, in: .at()) }
                #expect(error?.wasAsked == isAsked)
            }
            #expect(storage.requests.count == 1)
            #expect(client.status(owner: "rule", host: "registry.example")?.breaker == .closed)
            let error = await refusal(.unavailable) { _ = try await client.blob(digest, from: 0, in: .at("other.example")) }
            #expect(error?.wasAsked == true && storage.requests.count == 2)
        }
    }

    @Test func aRegistryItselfIsObeyedForAnHourAtMost() async throws {
        let server = try await RudeServer { _ in Reply(429, [("Retry-After", "999999999999")]) }
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(.rateLimited) { _ = try await client.manifest(.latest, in: .at()) }
            #expect(error?.retryAfter == .seconds(3600) && error?.saidElsewhere == nil)
        }
    }

    @Test func whatAStorageDemandsStartsNoLogin() async throws {
        let storage = try await RudeServer { _ in .challenge("Basic realm=evil") }
        let server = try await sending(to: storage.url)
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(.denied) { _ = try await client.blob(digest, from: 0, in: .at(as: someCredential)) }
            #expect(error?.detail.contains("127.0.0.1") == true)
        }
        #expect(storage.requests.count == 1)
        #expect(storage.requests.first?.header("authorization") == nil)
    }

    @Test(
        "Redirects that are not followed",
        arguments: [
            "http://127.0.0.2:PORT/x", "http://localhost:PORT/x", "http://[::1]:PORT/x",
            "http://169.254.169.254/latest/meta-data",
            "http://10.0.0.1/x", "http://[fd00:ec2::254]/x", "http://[::ffff:127.0.0.2]:PORT/x", "http://2130706434:PORT/x",
            "http://0x7f.2:PORT/x", "http://u:p@127.0.0.1:PORT/x", "file:///etc/passwd", "http://127.0.0.1\\@127.0.0.2:PORT/x",
        ])
    func refused(location: String) async throws {
        let evil = try await RudeServer(host: "127.0.0.2") { _ in Reply(200, [], "the blob") }
        let server = try await sending(to: location.replacing("PORT", with: "\(evil.port)"))
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.guarded) { _ = try await client.blob(digest, from: 0, in: .at(as: someCredential)) }
            _ = await refusal(.guarded) { _ = try await client.blobSize(digest, in: .at(as: someCredential)) }
        }
        #expect(evil.connections == 0)
    }

    @Test func aPrivateStorageIsReachedWhereTheSettingsNameIt() async throws {
        let storage = try await RudeServer(host: "127.0.0.2") { _ in Reply(200, [], "the blob") }
        let server = try await sending(to: storage.url)
        var settings = UpstreamSettings.reaching(server.url)
        settings.allowPrivate = ["127.0.0.2"]
        try await withClient(settings) { client in
            let size = try await client.blobSize(digest, in: .at(as: someCredential))
            #expect(size == 8)
        }
        #expect(storage.requests.map { $0.method } == ["HEAD"])
        #expect(storage.requests.allSatisfy { $0.header("authorization") == nil })
    }

    @Test func whatMayBePrivateIsThePortThatWasNamed() async throws {
        let other = try await RudeServer { _ in Reply(200, [], "the blob") }
        let server = try await RudeServer { request in
            request.path.contains("/blobs/") ? .redirect(other.url + "/metadata") : .json(someManifest)
        }
        let source = UpstreamSource(
            host: "127.0.0.1:\(server.port)", repository: "library/app", credential: nil, owner: "rule", plainHTTP: true)
        var settings = UpstreamSettings(allowPrivate: ["127.0.0.1:\(server.port)"], systemTrustRoots: nil)
        try await withClient(settings) { client in
            _ = try await client.manifest(.latest, in: source)
            _ = await refusal(.guarded) { _ = try await client.blob(digest, from: 0, in: source) }
        }
        #expect(other.connections == 0)
        settings.allowPrivate.insert("127.0.0.1:\(other.port)")
        try await withClient(settings) { client in _ = try await client.blobSize(digest, in: source) }
        #expect(other.requests.count == 1)
    }

    @Test func whatIsAllowedForOneUpstreamIsNotForAnother() async throws {
        let inside = try await RudeServer { _ in Reply(200, [], "the blob") }
        let names = NameResolver { _ throws(NameResolver.Failure) in [.v4(0x7f00_0001)] }
        var settings = UpstreamSettings.reaching(inside.url)
        settings.allowPrivate = ["127.0.0.1"]
        try await withClient(settings, names: names) { client in
            _ = await refusal(.guarded) {
                _ = try await client.manifest(.latest, in: .at("other.example:\(inside.port)"))
            }
        }
        #expect(inside.connections == 0)
    }

    @Test func neverFromHTTPSToHTTP() async throws {
        let storage = try await RudeServer { _ in Reply(200, [], "the blob") }
        let server = try await sending(to: storage.url, certificate: TestCertificates.good)
        try await withAuthority { authority in
            var settings = UpstreamSettings.reaching(server.url)
            settings.additionalTrustRoots = authority
            try await withClient(settings) { client in
                let error = await refusal(.guarded) {
                    _ = try await client.blob(digest, from: 0, in: .at(as: someCredential))
                }
                #expect(error?.detail.contains("https to http") == true)
            }
        }
        #expect(storage.connections == 0)
    }

    @Test func fromHTTPToHTTPSWithoutTheLogin() async throws {
        let storage = try await RudeServer(certificate: TestCertificates.good) { _ in Reply(200, [], "the blob") }
        let server = try await sending(to: storage.url)
        try await withAuthority { authority in
            var settings = UpstreamSettings.reaching(server.url)
            settings.additionalTrustRoots = authority
            try await withClient(settings) { client in
                let size = try await client.blobSize(digest, in: .at(as: someCredential))
                #expect(size == 8)
            }
        }
        #expect(storage.requests.map { $0.header("authorization") } == [nil])
    }

    @Test func circlesEnd() async throws {
        let server = try await RudeServer { .redirect($0.uri) }
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(.invalid) { _ = try await client.blob(digest, from: 0, in: .at()) }
            #expect(error?.detail.contains("5 times") == true)
        }
        #expect(server.requests.count == 6)
    }

    @Test("Five redirects are followed, however they are numbered", arguments: [301, 302, 303, 307, 308])
    func fiveHops(status: Int) async throws {
        let server = try await RudeServer { request in
            guard let step = Int(request.query) else { return .redirect("?1", status) }
            return step < 5 ? .redirect("?\(step + 1)", status) : Reply(200, [], "the blob")
        }
        try await withClient(.reaching(server.url)) { client in
            let blob = try await client.blob(digest, from: 0, in: .at())
            #expect(try await collected(blob.body).readableBytes == 8)
        }
        #expect(server.requests.allSatisfy { $0.method == "GET" && $0.path == path })
    }

    @Test("Redirects to nowhere", arguments: [Reply(307), Reply(304), Reply(300)])
    func nowhere(reply: Reply) async throws {
        let server = try await RudeServer { _ in reply }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.invalid) { _ = try await client.blob(digest, from: 0, in: .at()) }
        }
    }

    @Test(
        "A repository's name stays where it belongs",
        arguments: [
            "../secrets", "a/../../b", "a//b", "", "/a", "a/", "a?b", "a#b", "a%2fb", "a b", "a\r\nX: y", ".", "é",
        ])
    func repositories(name: String) async throws {
        let server = try await RudeServer { _ in .json(someManifest) }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.invalid) { _ = try await client.manifest(.latest, in: .at("registry.example", name)) }
        }
        #expect(server.connections == 0)
    }
}
