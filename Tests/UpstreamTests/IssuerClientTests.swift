import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirUpstream

/// How an OpenID Connect issuer's documents are fetched.
@Suite struct IssuerClientTests {
    private static let path = "/.well-known/openid-configuration"
    private static let settings = UpstreamSettings(
        overrides: ["registry.example": "http://127.0.0.1:1"], allowPrivate: ["registry.example"],
        timeouts: .init(connect: .seconds(5), head: .seconds(5), idle: .seconds(5), document: .seconds(5)), systemTrustRoots: nil)

    private func withIssuers(
        _ allowed: Set<String>, _ settings: UpstreamSettings = Self.settings, names: NameResolver? = nil,
        _ body: (IssuerClient) async throws -> Void
    ) async throws {
        let client = try IssuerClient(
            settings: settings, privateIssuers: allowed, clock: TestClock().clock, eventLoopGroup: testGroup, names: names)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(client)) } catch { outcome = .failure(error) }
        await client.shutdown()
        try outcome.get()
    }

    private func failure(
        _ kind: IssuerKeysError.Kind, _ part: String = "", sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () async throws -> IssuerDocument
    ) async {
        do {
            _ = try await body()
            Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        } catch let error as IssuerKeysError {
            #expect(error.kind == kind && error.detail.contains(part), "\(error)", sourceLocation: sourceLocation)
            #expect(!error.detail.contains("planted"), "\(error)", sourceLocation: sourceLocation)
        } catch { Issue.record(error, sourceLocation: sourceLocation) }
    }

    @Test func aDocumentComesWithItsAgeAndWithoutALogin() async throws {
        try await withAuthority { path in
            let server = try await RudeServer(certificate: TestCertificates.good) { _ in
                Reply(200, [("Content-Type", "application/json"), ("Cache-Control", "public, max-age=600")], "{}")
            }
            var settings = Self.settings
            settings.additionalTrustRoots = path
            try await withIssuers(["127.0.0.1:\(server.port)"], settings) { client in
                let document = try await client.document(at: server.url + Self.path, of: server.url, maxBytes: 100)
                #expect(document.bytes == Array("{}".utf8) && document.maxAge == .seconds(600))
            }
            let request = try #require(server.requests.first)
            #expect(request.method == "GET" && request.path == Self.path)
            #expect(request.header("accept")?.contains("application/jwk-set+json") == true)
            for name in ["authorization", "cookie", "traceparent"] { #expect(request.header(name) == nil) }
            await server.stop()
        }
    }

    @Test func aPrivateIssuerIsAskedOnlyWhereTheSettingsNameIt() async throws {
        let server = try await RudeServer { _ in .json("{}") }
        let other = try await RudeServer { _ in .json("{}") }
        let url = server.url + Self.path
        try await withIssuers([]) { client in
            await failure(.invalid, "plain http") { try await client.document(at: url, of: server.url, maxBytes: 100) }
            let secure = "https://127.0.0.1:\(server.port)"
            await failure(.unavailable, "loopback") {
                try await client.document(at: secure + Self.path, of: secure, maxBytes: 100)
            }
            // What the settings say of upstreams does not count.
            await failure(.invalid, "plain http") {
                try await client.document(at: "http://registry.example/", of: "http://registry.example", maxBytes: 100)
            }
        }
        // Private, and yet not by plain http; nor at another port.
        try await withIssuers(["127.0.0.1:\(server.port)"]) { client in
            await failure(.invalid, "plain http") { try await client.document(at: url, of: server.url, maxBytes: 100) }
            let secure = "https://127.0.0.1:\(other.port)"
            await failure(.unavailable, "loopback") { try await client.document(at: secure, of: secure, maxBytes: 100) }
        }
        #expect(server.requests.isEmpty && other.requests.isEmpty)
        try await withIssuers(["http://127.0.0.1:\(server.port)"]) { client in
            let document = try await client.document(at: url, of: server.url, maxBytes: 100)
            #expect(document.maxAge == nil)
            // Its keys at another private host: only where that is named too.
            await failure(.invalid, "plain http") { try await client.document(at: other.url, of: server.url, maxBytes: 100) }
        }
        try await withIssuers(["http://127.0.0.1:\(server.port)", "http://127.0.0.1:\(other.port)"]) { client in
            _ = try await client.document(at: other.url + "/jwks", of: server.url, maxBytes: 100)
        }
        #expect(server.requests.count == 1 && other.requests.map(\.path) == ["/jwks"])
    }

    /// An issuer on the internet that names a private host which another issuer may have.
    @Test func aPublicIssuerLeadsToNoPrivateHost() async throws {
        let server = try await RudeServer { _ in .json("{}") }
        let names = NameResolver { name throws(NameResolver.Failure) in
            [name == "rebound.example" ? .v4(0x0a00_0001) : .v4(0x0808_0808)]
        }
        try await withIssuers(["http://127.0.0.1:\(server.port)", "127.0.0.1:\(server.port)"], names: names) { client in
            for url in [
                server.url, "https://127.0.0.1:\(server.port)", "https://169.254.169.254/latest", "https://rebound.example/jwks",
            ] {
                await failure(.unavailable, "not connecting") {
                    try await client.document(at: url, of: "https://issuer.example", maxBytes: 100)
                }
            }
        }
        #expect(server.requests.isEmpty)
    }

    @Test func redirectsAreGuardedAndNeverLeaveTLS() async throws {
        try await withAuthority { path in
            let plain = try await RudeServer { _ in .json("{}") }
            let locations = Mutex(["/b", "https://10.0.0.1/x", "\(plain.url)/?sig=planted", "/loop"])
            let server = try await RudeServer(certificate: TestCertificates.good) { request in
                if request.path == "/b" { return .json("{}") }
                if request.path == "/loop" { return .redirect("/loop") }
                return .redirect(locations.withLock { $0.isEmpty ? "/b" : $0.removeFirst() }, 302)
            }
            var settings = Self.settings
            settings.additionalTrustRoots = path
            // Even where plain http to that host is allowed.
            try await withIssuers(["127.0.0.1:\(server.port)", "http://127.0.0.1:\(plain.port)"], settings) { client in
                let ask = { try await client.document(at: server.url + "/a", of: server.url, maxBytes: 100) }
                let document = try await ask()
                #expect(document.bytes.count == 2)
                await failure(.unavailable, "10.0.0.1") { try await ask() }
                await failure(.unavailable, "from https to http") { try await ask() }
                await failure(.invalid, "more than 5 times") { try await ask() }
            }
            #expect(plain.requests.isEmpty)
            await server.stop()
        }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let reply: Reply
        let kind: IssuerKeysError.Kind
        var testDescription: String { name }

        init(_ name: String, _ reply: Reply, _ kind: IssuerKeysError.Kind) {
            (self.name, self.reply, self.kind) = (name, reply, kind)
        }
    }

    @Test(arguments: [
        Row("500", Reply(500), .unavailable), Row("503", Reply(503), .unavailable), Row("429", Reply(429), .unavailable),
        Row("404", Reply(404), .invalid), Row("401", .challenge("Bearer"), .invalid), Row("403", Reply(403), .invalid),
        Row("204", Reply(204), .invalid), Row("a longer body", .json(String(repeating: "x", count: 101)), .invalid),
        Row(
            "a longer body, unannounced",
            Reply(
                raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + String(repeating: "x", count: 101)
                    + "\r\n0\r\n\r\n"), .invalid),
        Row("no HTTP", Reply(raw: "SSH-2.0-x\r\n"), .invalid), Row("hangs up", Reply(raw: ""), .unavailable),
        Row("cut", Reply(200, [], "{}", length: 50, ending: .close), .unavailable),
        Row("a reset", Reply(200, [], "{}", length: 50, ending: .reset), .unavailable),
    ])
    func whatIsNoDocumentHasItsKind(row: Row) async throws {
        let server = try await RudeServer { _ in row.reply }
        try await withIssuers(["http://127.0.0.1:\(server.port)"]) { client in
            await failure(row.kind) { try await client.document(at: server.url + Self.path, of: server.url, maxBytes: 100) }
        }
        await server.stop()
    }

    @Test(arguments: [(TestCertificates.good, false), (TestCertificates.otherName, true), (TestCertificates.expired, true)])
    func aCertificateThatProvesNothingIsNoIssuer(certificate: String, isAuthorityKnown: Bool) async throws {
        try await withAuthority { path in
            let server = try await RudeServer(certificate: certificate) { _ in .json("{}") }
            var settings = Self.settings
            settings.additionalTrustRoots = isAuthorityKnown ? path : nil
            try await withIssuers(["127.0.0.1:\(server.port)"], settings) { client in
                await failure(.unavailable, "certificate") {
                    try await client.document(at: server.url + Self.path, of: server.url, maxBytes: 100)
                }
            }
            #expect(server.requests.isEmpty)
            await server.stop()
        }
    }

    @Test func silenceIsToldAsSuch() async throws {
        var settings = Self.settings
        settings.timeouts.head = .milliseconds(300)
        let server = try await RudeServer { _ in .silence }
        try await withIssuers(["http://127.0.0.1:\(server.port)"], settings) { client in
            await failure(.unavailable, "no answer") { try await client.document(at: server.url, of: server.url, maxBytes: 100) }
        }
        await server.stop()
    }

    @Test func whatIsNoHostIsToldAtTheStart() {
        for text in ["", "https://x", "x/y", "http://x/y", "user@x", "http://", "x:0"] {
            #expect(throws: UpstreamSettingsError.self, "\(text)") {
                try IssuerClient(
                    settings: Self.settings, privateIssuers: [text], clock: TestClock().clock, eventLoopGroup: testGroup)
            }
        }
    }

    @Test func cacheControlIsRead() async throws {
        let rows: [(String, Duration?)] = [
            ("max-age=60", .seconds(60)), ("public, MAX-AGE=19845, must-revalidate", .seconds(19_845)),
            ("max-age=\"30\"", .seconds(30)),
            ("no-store", .zero), ("max-age=60, no-cache", .zero), ("", nil), ("private", nil), ("max-age", nil),
            ("max-age=", nil),
            ("max-age=-1", nil), ("max-age=1e9", nil), ("max-age=99999999999999999999", .seconds(31_536_000)),
            ("max-age=60, max-age=10", .seconds(10)), ("s-maxage=5", nil),
        ]
        let texts = Mutex(rows.map(\.0))
        let server = try await RudeServer { _ in
            Reply(200, [("Cache-Control", texts.withLock { $0.removeFirst() })], "{}")
        }
        try await withIssuers(["http://127.0.0.1:\(server.port)"]) { client in
            for (text, age) in rows {
                let document = try await client.document(at: server.url, of: server.url, maxBytes: 100)
                #expect(document.maxAge == age, "\(text)")
            }
        }
        await server.stop()
    }
}
