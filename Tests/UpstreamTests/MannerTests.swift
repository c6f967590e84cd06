import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirUpstream

/// How registries' tokens, challenges and refusals differ from the specification (docs/upstreams.md).
@Suite struct MannerTests {
    private static let manifestReply = Reply(200, [("Content-Type", MediaType.ociManifest)], someManifest)

    // MARK: Tokens that have ended

    /// Gives a token to every client, and answers `refusal` to any but the last token.
    private static func renewing(_ refusal: Reply, life: Switch) -> RudeServer.Answering {
        { request in
            if request.path == "/token" {
                life.now += 1
                return .json(#"{"token":"planted-token-\#(life.now)"}"#)
            }
            guard let sent = request.header("authorization"), sent.hasPrefix("Bearer") else {
                return .challenge(#"Bearer realm="http://\#(request.header("host") ?? "")/token",service="s""#)
            }
            return sent == "Bearer planted-token-\(life.now)" ? manifestReply : refusal
        }
    }

    @Test(
        "A held token is renewed once, however its end is told",
        arguments: [
            Reply(400), Reply(403), Reply(401), Reply.challenge("Basic realm=\"harbor\""),
            Reply(403, [("Content-Type", "application/json")], #"{"errors":[{"code":"DENIED"}]}"#),
        ], [nil, someCredential])
    func endedTokens(refusal: Reply, credential: UpstreamCredential?) async throws {
        let count = Switch(0)
        let server = try await RudeServer(Self.renewing(refusal, life: count))
        try await withClient(.reaching(server.url)) { client in
            _ = try await client.manifest(.latest, in: .at(as: credential))
            // The valid token is another one now.
            count.now += 1
            _ = try await client.manifest(.latest, in: .at(as: credential))
        }
        #expect(server.requests(to: "/token").count == 2)
        #expect(server.requests(to: LoginTests.path).count == (credential == nil ? 4 : 3))
    }

    @Test("What is refused to a new token as well is refused, and asked for no more tokens", arguments: [400, 403])
    func lastingRefusals(status: Int) async throws {
        let server = try await RudeServer { request in
            if request.path == "/token" { return .json(#"{"token":"planted-token"}"#) }
            if request.header("authorization") == nil {
                return .challenge(#"Bearer realm="http://\#(request.header("host") ?? "")/token",service="s""#)
            }
            return request.path == LoginTests.path ? Self.manifestReply : Reply(status)
        }
        let clock = TestClock()
        try await withClient(.reaching(server.url), clock: clock) { client in
            _ = try await client.manifest(.latest, in: .at())
            for _ in 0..<5 {
                await #expect(throws: UpstreamError.self) { _ = try await client.manifest(Reference("secret"), in: .at()) }
            }
            #expect(server.requests(to: "/token").count == 2)
            clock.advance(seconds: 61)
            await #expect(throws: UpstreamError.self) { _ = try await client.manifest(Reference("secret"), in: .at()) }
        }
        #expect(server.requests(to: "/token").count <= 4)
    }

    // MARK: Token servers

    private static func answering(_ token: @escaping @Sendable (Int) -> Reply, valid: String = "planted-token")
        -> RudeServer.Answering
    {
        let count = Mutex(0)
        return { request in
            if request.path == "/token" {
                return token(
                    count.withLock {
                        $0 += 1
                        return $0
                    })
            }
            if request.header("authorization") == "Bearer \(valid)" { return manifestReply }
            return .challenge(#"Bearer realm="/token",service="s""#)
        }
    }

    @Test(
        "Answers with a token, whatever else is in them",
        arguments: [
            #"{"access_token":"planted-token"}"#, #"{"token":"old","access_token":"planted-token"}"#,
            #"{"token":null,"access_token":"planted-token"}"#, #"{"token":"planted-token","access_token":""}"#,
            #"{"token":"planted-token","expires_in":0}"#, #"{"token":"planted-token","expires_in":"300"}"#,
            #"{"token":"planted-token","expires_in":300.0}"#, #"{"token":"planted-token","expires_in":1e9}"#,
            #"{"token":"planted-token","expires_in":1e400}"#, #"{"token":"planted-token","expires_in":-5}"#,
            #"{"token":"planted-token","expires_in":null,"issued_at":1746136938}"#,
            #"{"token":"planted-token","expires_in":"soon"}"#,
            #"{"token":"planted-token","issued_at":"2026-01-01T00:00:00.123456789+09:00"}"#,
            #"{"token":"planted-token","issued_at":{},"scope":["a"],"refresh_token":7}"#,
        ])
    func tokenAnswers(body: String) async throws {
        let server = try await RudeServer(
            Self.answering { _ in Reply(200, [("Content-Type", "text/html"), ("Content-Encoding", "gzip")], body) })
        let clock = TestClock()
        try await withClient(.reaching(server.url), clock: clock) { client in
            for _ in 0..<2 { _ = try await client.manifest(.latest, in: .at()) }
            clock.advance(seconds: 40)
            _ = try await client.manifest(.latest, in: .at())
        }
        // A token counts for a minute at least.
        #expect(server.requests(to: "/token").count == 1)
    }

    @Test func aTokenServerThatIsLostForAMomentIsAskedAgain() async throws {
        let server = try await RudeServer(Self.answering { $0 == 1 ? Reply(404) : .json(#"{"token":"planted-token"}"#) })
        try await withClient(.reaching(server.url)) { _ = try await $0.manifest(.latest, in: .at()) }
        #expect(server.requests(to: "/token").count == 2)
    }

    @Test func whatATokenServerDoesNotKnowIsNotThere() async throws {
        let server = try await RudeServer(Self.answering { _ in Reply(404) })
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(.notFound) { _ = try await client.manifest(.latest, in: .at()) }
            #expect(error?.detail.contains("token server") == true)
            // Without a repository in the request, only the token server itself can be missing.
            let source = UpstreamSource(host: "registry.example", repository: "", credential: someCredential, owner: "rule")
            _ = await refusal(.invalid) { try await client.check(source) }
        }
    }

    @Test(
        "Realms as registries name them",
        arguments: [
            #"Bearer realm="/zot/token",service="s""#, #"Bearer realm="http://HOST/zot/token?host=x",service="s",scope="""#,
            #"Bearer realm=http://HOST/zot/token, service=s, scope=repository:library/app:pull"#,
            #"BEARER realm="http://HOST/zot/token""#,
            #"Negotiate, Basic realm="x",Bearer realm="http://HOST/zot/token",scope="*""#,
            #"Bearer realm="http://HOST/zot/token",service="",scope="repository:library/app:""#,
        ])
    func realms(challenge: String) async throws {
        let server = try await RudeServer { request in
            if request.path == "/zot/token" { return .json(#"{"token":"planted-token"}"#) }
            if request.header("authorization") == "Bearer planted-token" { return Self.manifestReply }
            return .challenge(challenge.replacing("HOST", with: request.header("host") ?? ""))
        }
        for credential in [nil, someCredential] {
            try await withClient(.reaching(server.url)) { _ = try await $0.manifest(.latest, in: .at(as: credential)) }
        }
        let asked = server.requests(to: "/zot/token")
        #expect(!asked.contains { $0.query.contains("service=&") || $0.query.hasSuffix("service=") })
        #expect(asked.allSatisfy { $0.query.contains("repository%3Alibrary%2Fapp%3Apull") })
    }

    @Test(
        "A token for exactly what was demanded",
        arguments: [
            "repository:library/app:pull,push", "repository:library/app:", "*", "repository(plugin):library/app:pull", "aws",
        ])
    func scopes(scope: String) async throws {
        let wanted =
            "scope="
            + String(
                scope.utf8.flatMap { byte -> [Character] in
                    let isPlain = (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    let hex = String(byte, radix: 16, uppercase: true)
                    return isPlain ? [Character(UnicodeScalar(byte))] : Array("%" + hex)
                })
        let server = try await RudeServer { request in
            if request.path == "/token" {
                return .json(#"{"token":"\#(request.query.split(separator: "&").contains { $0 == wanted } ? "good" : "poor")"}"#)
            }
            if request.path == "/v2/" {
                return .challenge(#"Bearer realm="/token",service="s",scope="repository:user/image:pull""#)
            }
            if request.header("authorization") == "Bearer good" { return Self.manifestReply }
            return .challenge(#"Bearer realm="/token",service="s",scope="\#(scope)""#)
        }
        for credential in [nil, someCredential] {
            try await withClient(.reaching(server.url)) { client in
                for _ in 0..<2 { _ = try await client.manifest(.latest, in: .at(as: credential)) }
            }
        }
        #expect(!server.requests(to: "/token").contains { $0.query.contains("user%2Fimage") })
    }

    @Test func aChallengeOnGetAloneIsFound() async throws {
        let server = try await RudeServer { request in
            if request.path == "/token" { return .json(#"{"token":"planted-token"}"#) }
            if request.header("authorization") == "Bearer planted-token" { return Self.manifestReply }
            return request.method == "HEAD" ? Reply(401) : .challenge(#"Bearer realm="/token",service="s""#)
        }
        try await withClient(.reaching(server.url)) { client in
            let found = try await client.resolve(.latest, in: .at())
            #expect(found.digest != nil)
        }
    }

    // MARK: Doors

    private struct Behind {
        let door: RudeServer
        let registry: RudeServer
        var settings: UpstreamSettings
    }

    /// A redirecting registry at 127.0.0.1 and the registry behind it at 127.0.0.2, which gives anonymous tokens for public
    /// images.
    private static func behind(token: @escaping @Sendable (SeenRequest) -> Reply, valid: Switch) async throws -> Behind {
        let registry = try await RudeServer(host: "127.0.0.2") { request in
            if request.path == "/token" { return token(request) }
            if request.header("authorization") == "Bearer planted-token-\(valid.now)" {
                return request.path.contains("/blobs/") ? Reply(200, [], "the blob") : manifestReply
            }
            return .challenge(
                #"Bearer realm="http://\#(request.header("host") ?? "")/token",service="g",scope="repository:real/name:pull""#)
        }
        let door = try await RudeServer { request in
            if request.path == "/v2/" { return Reply(200) }
            return .redirect(
                "\(registry.url)/v2/real/name/" + request.path.split(separator: "/").suffix(2).joined(separator: "/"))
        }
        var settings = UpstreamSettings.reaching(door.url)
        settings.allowPrivate = ["127.0.0.2"]
        return Behind(door: door, registry: registry, settings: settings)
    }

    @Test("A registry that is only a door", arguments: [nil, someCredential])
    func router(credential: UpstreamCredential?) async throws {
        let valid = Switch(1)
        let behind = try await Self.behind(token: { _ in .json(#"{"token":"planted-token-\#(valid.now)"}"#) }, valid: valid)
        try await withClient(behind.settings) { client in
            for _ in 0..<3 { _ = try await client.manifest(.latest, in: .at(as: credential)) }
            let blob = try await client.blob(Digest(someDigest), range: .whole, in: .at(as: credential))
            let found1 = try await String(buffer: collected(blob.body))
            #expect(found1 == "the blob")
            #expect(behind.registry.requests(to: "/token").count == 1)
            // The token for the registry behind the redirect ends as others do.
            valid.now = 2
            _ = try await client.manifest(.latest, in: .at(as: credential))
        }
        let tokens = behind.registry.requests(to: "/token")
        #expect(tokens.map { $0.header("authorization") } == [nil, nil])
        #expect(tokens.allSatisfy { $0.query == "service=g&scope=repository%3Areal%2Fname%3Apull" })
        #expect(behind.registry.requests.allSatisfy { $0.header("authorization")?.hasPrefix("Basic") != true })
        #expect(behind.door.requests.allSatisfy { $0.header("authorization")?.hasPrefix("Bearer") != true })
    }

    @Test("What is private behind a door is refused, and both hosts are named", arguments: [Reply(401), Reply(403)])
    func privateBehindADoor(reply: Reply) async throws {
        let behind = try await Self.behind(token: { _ in reply }, valid: Switch(1))
        try await withClient(behind.settings) { client in
            for _ in 0..<2 {
                let error = await refusal(.denied) { _ = try await client.manifest(.latest, in: .at(as: someCredential)) }
                #expect(error?.denial == .elsewhere && error?.saidElsewhere == "127.0.0.2")
                #expect(error?.description.contains("registry.example") == true && error?.detail.contains("127.0.0.2") == true)
            }
        }
        #expect(behind.registry.requests.allSatisfy { $0.header("authorization") == nil })
    }

    // MARK: Refusals

    @Test func nobodyIsSentToTheirSecretForNothing() async throws {
        let page = Reply(403, [("Content-Type", "text/html"), ("Server", "cloudflare")], "<html>Just a moment…")
        let json = Reply(403, [("Content-Type", "application/json")], #"{"errors":[{"code":"DENIED"}]}"#)
        let basic = Reply.challenge("Basic realm=x")
        for (reply, credential, denial) in [
            (page, nil, UpstreamError.Denial.block), (page, someCredential, .block), (Reply(403), nil, .block),
            (json, nil, .stranger),
            (basic, nil, .stranger), (basic, someCredential, .login),
        ] {
            let server = try await RudeServer { request in request.path == "/v2/" && credential != nil ? basic : reply }
            try await withClient(.reaching(server.url)) { client in
                let error = await refusal(.denied) { _ = try await client.manifest(.latest, in: .at(as: credential)) }
                #expect(error?.denial == denial, "\(reply.bytes) \(String(describing: error))")
            }
        }
    }

    @Test func aLoginThatTheTokenServerTookIsNotCalledWrong() async throws {
        let server = try await RudeServer(Self.answering({ _ in .json(#"{"token":"poor"}"#) }, valid: "nobody's"))
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(.denied) { _ = try await client.manifest(.latest, in: .at(as: someCredential)) }
            #expect(error?.denial == .right)
        }
    }

    @Test(
        "A limit is one in whatever form it comes",
        arguments: [
            "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nRetry-After: 60\r\nConnection: close\r\n\r\nToo Many Requests (HAP429).\n",
            "HTTP/1.0 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
        ])
    func limits(raw: String) async throws {
        let server = try await RudeServer { _ in Reply(raw: raw) }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.rateLimited) { _ = try await client.manifest(.latest, in: .at()) }
        }
    }

    @Test func aLimitThatNamesAMomentOfThePastIsStillOne() async throws {
        let server = try await RudeServer { _ in Reply(429, [("Retry-After", "1746136938")]) }
        try await withClient(.reaching(server.url)) { client in
            let upstreams = Upstreams(client)
            for isAsked in [true, false] {
                let error = await refusal(.rateLimited) { _ = try await upstreams.manifest(.latest, in: .at()) }
                #expect(error?.wasAsked == isAsked)
            }
        }
        #expect(server.requests.count == 1)
    }
}
