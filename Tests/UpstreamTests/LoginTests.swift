import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirUpstream

@Suite struct LoginTests {
    static let path = "/v2/library/app/manifests/latest"

    /// Demands a token from its own `/token`, and gives one to `robot`, and to anonymous clients where they are allowed.
    static func bearer(strangers: Bool = true, life: Int = 300, realm: String? = nil) -> RudeServer.Answering {
        let count = Mutex(0)
        return { request in
            if request.path == "/token" {
                let login = request.header("authorization")
                guard login == someBasic || (strangers && login == nil) else { return Reply(401) }
                let number = count.withLock {
                    $0 += 1; return $0
                }
                return .json(#"{"token":"planted-token-\#(number)","expires_in":\#(life)}"#)
            }
            guard request.header("authorization")?.hasPrefix("Bearer planted-token-") == true else {
                let realm = realm ?? "http://\(request.header("host") ?? "")/token"
                return .challenge(#"Bearer realm="\#(realm)",service="the service",scope="repository:other:push""#)
            }
            return .json(someManifest)
        }
    }

    @Test func withoutAChallengeItAsksOnceAndAsNobody() async throws {
        let server = try await RudeServer { _ in .json(someManifest) }
        try await withClient(.reaching(server.url)) { client in
            let manifest = try await client.manifest(.latest, in: .at())
            #expect(String(buffer: manifest.bytes) == someManifest)
        }
        #expect(server.requests.count == 1)
        let request = try #require(server.requests.first)
        #expect(request.uri == Self.path)
        #expect(request.header("authorization") == nil)
        #expect(request.header("accept-encoding") == "identity")
        #expect(request.header("accept")?.contains(MediaType.ociIndex) == true)
    }

    @Test func aPathInFrontIsKept() async throws {
        let server = try await RudeServer { _ in .json(someManifest) }
        try await withClient(.reaching(server.url + "/mirror/")) { _ = try await $0.manifest(.latest, in: .at()) }
        #expect(server.requests.first?.uri == "/mirror" + Self.path)
    }

    @Test func aTokenForStrangersIsFetchedOnceForMany() async throws {
        let server = try await RudeServer(Self.bearer())
        try await withClient(.reaching(server.url)) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { _ = try await client.manifest(.latest, in: .at()) } }
                try await group.waitForAll()
            }
            _ = try await client.resolve(.latest, in: .at())
        }
        let asked = server.requests(to: "/token")
        #expect(asked.count == 1)
        #expect(asked.first?.header("authorization") == nil)
        #expect(asked.first?.query == "service=the%20service&scope=repository%3Alibrary%2Fapp%3Apull")
    }

    @Test func aLoginIsSentToTheTokenServerAndItsTokenToTheRegistry() async throws {
        let server = try await RudeServer(Self.bearer(strangers: false))
        try await withClient(.reaching(server.url)) { client in
            for _ in 0..<3 { _ = try await client.manifest(.latest, in: .at(as: someCredential)) }
        }
        #expect(server.requests(to: "/token").map { $0.header("authorization") } == [someBasic])
        // One ping to learn the challenge; after it no request is wasted on a 401.
        #expect(server.requests(to: "/v2/").count == 1)
        #expect(server.requests(to: Self.path).count == 3)
        #expect(server.requests.filter { $0.path.hasPrefix("/v2/") && $0.header("authorization") == someBasic }.isEmpty)
    }

    @Test func tokensAreSharedWithinARuleOnly() async throws {
        let server = try await RudeServer(Self.bearer())
        try await withClient(.reaching(server.url)) { client in
            _ = try await client.manifest(.latest, in: .at(owner: "one"))
            _ = try await client.manifest(.latest, in: .at(owner: "two"))
            _ = try await client.manifest(.latest, in: .at(as: someCredential, owner: "two"))
            _ = try await client.manifest(.latest, in: .at("registry.example", "other/app", owner: "one"))
        }
        #expect(server.requests(to: "/token").count == 4)
    }

    @Test func aTokenThatExpiresIsReplacedBeforeItIsRefused() async throws {
        let server = try await RudeServer(Self.bearer(life: 60))
        let clock = TestClock()
        try await withClient(.reaching(server.url), clock: clock) { client in
            _ = try await client.manifest(.latest, in: .at())
            clock.advance(seconds: 40)
            _ = try await client.manifest(.latest, in: .at())
            #expect(server.requests(to: "/token").count == 1)
            clock.advance(seconds: 10)
            _ = try await client.manifest(.latest, in: .at())
        }
        #expect(server.requests(to: "/token").count == 2)
        #expect(server.requests(to: Self.path).filter { $0.header("authorization") == nil }.count == 1)
    }

    @Test func aHeldTokenThatIsRefusedIsReplacedOnce() async throws {
        let revoked = Mutex<Set<String>>([])
        let answering = Self.bearer()
        let server = try await RudeServer { request in
            let token = request.header("authorization") ?? ""
            if revoked.withLock({ $0.contains("all") || $0.contains(token) }) {
                return .challenge(#"Bearer realm="http://\#(request.header("host") ?? "")/token",service="the service""#)
            }
            return answering(request)
        }
        try await withClient(.reaching(server.url)) { client in
            _ = try await client.manifest(.latest, in: .at())
            revoked.withLock { $0 = ["Bearer planted-token-1"] }
            _ = try await client.manifest(.latest, in: .at())
            #expect(server.requests(to: "/token").count == 2)
        }
    }

    @Test func basicGoesStraightToTheUpstream() async throws {
        let server = try await RudeServer { request in
            request.header("authorization") == someBasic
                ? .json(someManifest) : .challenge(#"Negotiate, Basic realm="a, b""#)
        }
        try await withClient(.reaching(server.url)) { client in
            for _ in 0..<2 { _ = try await client.manifest(.latest, in: .at(as: someCredential)) }
            let error = await refusal(.denied) { _ = try await client.manifest(.latest, in: .at(owner: "stranger")) }
            #expect(error?.status == 401)
        }
        #expect(server.requests(to: Self.path).count == 3)
    }

    @Test func aWrongPasswordIsDeniedAndSaysWhere() async throws {
        let server = try await RudeServer(Self.bearer(strangers: false))
        let wrong = UpstreamCredential(username: "robot", accessToken: "planted-secret-2")
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(.denied) { _ = try await client.manifest(.latest, in: .at(as: wrong)) }
            #expect(error?.detail.contains("refused the login") == true)
        }
        let basic = try await RudeServer { _ in .challenge("Basic realm=x") }
        try await withClient(.reaching(basic.url)) { client in
            _ = await refusal(.denied) { _ = try await client.manifest(.latest, in: .at(as: wrong)) }
        }
        #expect(basic.requests(to: Self.path).count == 1)
    }

    @Test func dockerHubsUnauthorizedMayMeanUnknown() async throws {
        let server = try await RudeServer { request in
            request.path == "/token"
                ? .json(#"{"access_token":"planted-token"}"#)
                : .challenge(#"Bearer realm="http://\#(request.header("host") ?? "")/token""#)
        }
        try await withClient(.reaching(server.url, host: "registry-1.docker.io")) { client in
            let error = await refusal(.denied) {
                _ = try await client.manifest(.latest, in: .at("registry-1.docker.io"))
            }
            #expect(error?.detail.contains("names that it does not have") == true)
        }
        #expect(server.requests(to: "/token").count == 1)
    }

    @Test(
        "Answers of a token server that are none",
        arguments: [
            Reply.json("{}"), .json("[]"), .json("not json"), .json(#"{"token":""}"#), .json(#"{"token":"a\r\nX-Evil: 1"}"#),
            Reply(200, [("Content-Type", "text/html")], "<html>Sign in to the airport</html>"),
            Reply(200, [("Content-Encoding", "gzip")], ByteBuffer(bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0])),
            Reply.json(#"{"token":null,"access_token":7}"#), Reply(200, [], String(repeating: " ", count: 300_000)),
        ])
    func badTokens(reply: Reply) async throws {
        let server = try await RudeServer { request in
            request.path == "/token" ? reply : .challenge(#"Bearer realm="http://\#(request.header("host") ?? "")/token""#)
        }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.invalid) { _ = try await client.manifest(.latest, in: .at()) }
        }
    }

    @Test(
        "A login never leaves for a foreign realm",
        arguments: [
            "http://127.0.0.2:PORT/token", "http://127.0.0.1@127.0.0.2:PORT/token", "http://2130706434:PORT/token",
            "http://0x7f000002:PORT/token", "http://127.2:PORT/token", "http://[::ffff:127.0.0.2]:PORT/token",
            "//127.0.0.2:PORT/token", "http://localhost.:PORT/", "http://evil.example/token", "token", "",
        ])
    func foreignRealms(realm: String) async throws {
        let evil = try await RudeServer(host: "127.0.0.2") { _ in .json(#"{"token":"planted-token"}"#) }
        let realm = realm.replacing("PORT", with: "\(evil.port)")
        let server = try await RudeServer(Self.bearer(realm: realm))
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(.guarded) { _ = try await client.manifest(.latest, in: .at(as: someCredential)) }
            #expect(error?.detail.contains("token realm") == true)
        }
        #expect(evil.connections == 0)
        #expect(server.requests.allSatisfy { $0.header("authorization") == nil })
    }

    @Test func aRealmThatTheOperatorTrustsIsUsed() async throws {
        let tokens = try await RudeServer(host: "127.0.0.2") { _ in .json(#"{"token":"planted-token-x"}"#) }
        let server = try await RudeServer(Self.bearer(realm: tokens.url))
        var settings = UpstreamSettings.reaching(server.url)
        settings.trustedRealms = ["registry.example": ["127.0.0.2"]]
        settings.allowPrivate = ["127.0.0.2"]
        try await withClient(settings) { _ = try await $0.manifest(.latest, in: .at(as: someCredential)) }
        #expect(tokens.requests.map { $0.header("authorization") } == [someBasic])
    }

    @Test func aTokenServerThatRedirectsElsewhereTakesNoLoginThere() async throws {
        let evil = try await RudeServer { _ in .json(#"{"token":"planted-token-x"}"#) }
        let server = try await RudeServer { request in
            request.path == "/token" ? .redirect(evil.url + "/t") : Self.bearer()(request)
        }
        try await withClient(.reaching(server.url)) { _ = try await $0.manifest(.latest, in: .at(as: someCredential)) }
        #expect(evil.requests.count == 1)
        #expect(evil.requests.allSatisfy { $0.header("authorization") == nil })
    }
}
