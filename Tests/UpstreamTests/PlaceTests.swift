import NIOCore
import Testing
import WeirCore
import WeirUpstream

/// Registries at any host: ports, paths, plain HTTP, authorities of their own, and their headers.
@Suite struct PlaceTests {
    private func settings() -> UpstreamSettings {
        UpstreamSettings(
            allowPrivate: ["127.0.0.1"], timeouts: .init(connect: .seconds(5), head: .seconds(5), idle: .seconds(5)),
            systemTrustRoots: nil)
    }

    private func source(_ host: String, plainHTTP: Bool = false, pathPrefix: String? = nil) -> UpstreamSource {
        UpstreamSource(
            host: host, repository: "library/app", credential: nil, owner: "rule", plainHTTP: plainHTTP, pathPrefix: pathPrefix)
    }

    @Test func aPortAndAPathBelongToTheUpstream() async throws {
        let server = try await RudeServer { _ in .json(someManifest) }
        try await withClient(settings()) { client in
            for prefix in ["/artifactory/api/docker/images", "artifactory/api/docker/images"] {
                _ = try await client.manifest(
                    .latest, in: source("127.0.0.1:\(server.port)", plainHTTP: true, pathPrefix: prefix))
            }
        }
        #expect(server.requests.allSatisfy { $0.path == "/artifactory/api/docker/images/v2/library/app/manifests/latest" })
        #expect(server.requests.count == 2)
    }

    @Test(arguments: ["../x", "/a/../b", "/a//b", "/a?b", "/a#b", "/a b", "/.", "/%2e%2e"])
    func aPathThatIsNoneIsRefused(prefix: String) async throws {
        try await withClient(settings()) { client in
            let error = await refusal(.guarded) {
                _ = try await client.manifest(.latest, in: source("127.0.0.1:1", plainHTTP: true, pathPrefix: prefix))
            }
            #expect(error?.step == .address)
        }
    }

    @Test(arguments: ["127.0.0.1:5000/x", "user@127.0.0.1", "127.0.0.1:99999", "127.0.0.1:1\\@evil.example"])
    func aHostIsAHost(host: String) async throws {
        try await withClient(settings()) { client in
            _ = await refusal(.guarded) { _ = try await client.manifest(.latest, in: source(host)) }
        }
    }

    @Test func plainHTTPIsSpokenOnlyWhereTheRuleSaysSo() async throws {
        let server = try await RudeServer { _ in .json(someManifest) }
        try await withClient(settings()) { client in
            _ = await refusal(.unavailable) { _ = try await client.manifest(.latest, in: source("127.0.0.1:\(server.port)")) }
            #expect(server.requests.isEmpty)
        }
    }

    @Test func plainHTTPOpensNoPrivateAddress() async throws {
        try await withClient(UpstreamSettings()) { client in
            let error = await refusal(.guarded) {
                _ = try await client.manifest(.latest, in: source("127.0.0.1:5000", plainHTTP: true))
            }
            #expect(error?.step == .address)
        }
    }

    @Test func aPrivateHostMayBeAllowedWithItsPortAlone() async throws {
        let server = try await RudeServer { _ in .json(someManifest) }
        let other = try await RudeServer { _ in .json(someManifest) }
        var settings = settings()
        settings.allowPrivate = ["127.0.0.1:\(server.port)"]
        try await withClient(settings) { client in
            _ = try await client.manifest(.latest, in: source("127.0.0.1:\(server.port)", plainHTTP: true))
            _ = await refusal(.guarded) {
                _ = try await client.manifest(.latest, in: source("127.0.0.1:\(other.port)", plainHTTP: true))
            }
        }
        #expect(other.requests.isEmpty)
    }

    @Test func anAuthorityOfItsOwnCountsForThatHostAlone() async throws {
        let server = try await RudeServer(certificate: TestCertificates.good) { _ in .json(someManifest) }
        try await withAuthority { path in
            for (host, isTrusted) in [
                ("localhost", true), ("localhost:\(server.port)", true), ("elsewhere.example", false), ("localhost:1", false),
            ] {
                var settings = UpstreamSettings.reaching("https://localhost:\(server.port)")
                settings.trustRootsByHost = [host: path]
                try await withClient(settings) { client in
                    if isTrusted {
                        _ = try await client.manifest(.latest, in: .at())
                    } else {
                        let error = await refusal(.unavailable) { _ = try await client.manifest(.latest, in: .at()) }
                        #expect(error?.step == .tls)
                    }
                }
            }
        }
    }

    @Test func whatIsLeftOfAQuotaIsTold() async throws {
        let left = Switch(76)
        let server = try await RudeServer { _ in
            Reply(
                200,
                [
                    ("Content-Type", "application/json"), ("ratelimit-limit", "100;w=21600"),
                    ("ratelimit-remaining", "\(left.now);w=21600"),
                ], someManifest)
        }
        try await withClient(.reaching(server.url)) { client in
            let upstreams = Upstreams(client)
            _ = try await upstreams.manifest(.latest, in: .at())
            let quota = try #require(upstreams.status(owner: "rule", host: "registry.example")?.quota)
            #expect(quota.limit == 100 && quota.remaining == 76 && quota.window == .seconds(21600))
            left.now = 0
            _ = try await upstreams.manifest(.latest, in: .at())
            // The quota is spent: only a client's own request for a manifest is sent, and looking costs no quota.
            var ahead = UpstreamSource.at()
            ahead.priority = .prefetch
            let error = await refusal(.rateLimited) { _ = try await upstreams.manifest(.latest, in: ahead) }
            #expect(error?.wasAsked == false)
            _ = try await upstreams.resolve(.latest, in: ahead)
            _ = try await upstreams.manifest(.latest, in: .at())
        }
    }

    @Test func rateLimitHeadersAreReadAsTheyAreWritten() {
        let now = Timestamp(seconds: 1)
        func read(_ limit: String?, _ remaining: String?) -> [Int?]? {
            RateLimits.quota(limit: limit, remaining: remaining, at: now).map {
                [$0.limit, $0.remaining, $0.window.map { Int($0.components.seconds) }]
            }
        }
        #expect(read("100;w=21600", "76;w=21600") == [100, 76, 21600])
        #expect(read("100", "76") == [100, 76, nil])
        #expect(read("100, 100;w=60", " 5 ; w = 60 ") == [100, 5, 60])
        #expect(read(nil, "0") == [nil, 0, nil])
        #expect(read("100", nil) == nil)
        for odd in ["", "-1", "many", "1e3", ";w=5", "99999999999999999999", "5x"] { #expect(read("100", odd) == nil, "\(odd)") }
    }

    @Test func theTraceGoesAlongToUpstreamAndNoFurther() async throws {
        let storage = try await RudeServer { _ in Reply(200, [], "blob") }
        let server = try await RudeServer { _ in .redirect(storage.url + "/blob") }
        let trace = try #require(
            TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "a=b"))
        try await withClient(.reaching(server.url)) { client in
            try await TraceContext.$current.withValue(trace) {
                _ = try await client.blob(Digest(someDigest), range: .whole, in: .at())
            }
        }
        #expect(server.requests.first?.header("traceparent") == trace.traceparent)
        #expect(server.requests.first?.header("tracestate") == "a=b")
        #expect(storage.requests.first?.header("traceparent") == nil)
    }
}
