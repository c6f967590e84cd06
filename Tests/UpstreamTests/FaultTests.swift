import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirUpstream

/// Runs `body` with the path of a file that holds the tests' authority.
func withAuthority(_ body: (String) async throws -> Void) async throws {
    let path = "/tmp/weir-authority-\(UInt64.random(in: 0 ... .max)).pem"
    try writeFile(path, TestCertificates.authority)
    defer { removeFile(path) }
    try await body(path)
}

@Suite struct FaultTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let reply: Reply
        let kind: UpstreamError.Kind
        let retryAfter: Duration?
        var testDescription: String { String(reply.bytes.prefix(60)) }

        init(_ reply: Reply, _ kind: UpstreamError.Kind, retryAfter: Duration? = nil) {
            self.reply = reply
            self.kind = kind
            self.retryAfter = retryAfter
        }
    }

    @Test(
        "Every refusal has its own kind",
        arguments: [
            Case(Reply(401), .denied), Case(Reply(403), .denied), Case(Reply(404), .notFound), Case(Reply(410), .notFound),
            Case(Reply(429), .rateLimited),
            Case(Reply(429, [("Retry-After", "17")]), .rateLimited, retryAfter: .seconds(17)),
            Case(Reply(429, [("Retry-After", "Fri, 15 Jan 2027 08:01:00 GMT")]), .rateLimited, retryAfter: .seconds(60)),
            Case(Reply(500), .unavailable), Case(Reply(502), .unavailable), Case(Reply(504), .unavailable),
            Case(Reply(503, [("Retry-After", "5")]), .unavailable, retryAfter: .seconds(5)),
            Case(Reply(400), .invalid), Case(Reply(418), .invalid),
        ])
    func kinds(example: Case) async throws {
        let server = try await RudeServer { _ in example.reply }
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(example.kind) { _ = try await client.manifest(.latest, in: .at()) }
            #expect(error?.retryAfter == example.retryAfter)
            #expect(error?.host == "registry.example")
            _ = await refusal(example.kind) { _ = try await client.resolve(.latest, in: .at()) }
            _ = await refusal(example.kind) { _ = try await client.blob(Digest(someDigest), from: 0, in: .at()) }
            _ = await refusal(example.kind) { _ = try await client.blobSize(Digest(someDigest), in: .at()) }
        }
    }

    @Test func theRegistrysOwnCodeIsToldAndNothingElseOfItsText() async throws {
        let server = try await RudeServer { _ in
            Reply(
                429, [("Content-Type", "application/json")],
                #"{"errors":[{"code":"TOOMANYREQUESTS","message":"planted-secret"}]}"#)
        }
        try await withClient(.reaching(server.url)) { client in
            let error = await refusal(.rateLimited) { _ = try await client.manifest(.latest, in: .at()) }
            #expect(error?.detail.contains("TOOMANYREQUESTS") == true)
        }
        let denying = try await RudeServer { _ in
            Reply(
                401, [("Content-Type", "application/json"), ("WWW-Authenticate", "Basic realm=x")],
                #"{"errors":[{"code":"UNAUTHORIZED"}]}"#)
        }
        try await withClient(.reaching(denying.url)) { client in
            let error = await refusal(.denied) { _ = try await client.manifest(.latest, in: .at()) }
            #expect(error?.detail.contains("UNAUTHORIZED") == true)
        }
        let rude = try await RudeServer { _ in
            Reply(404, [("Content-Type", "application/json")], #"{"errors":[{"code":"<script>planted-secret"}]}"#)
        }
        try await withClient(.reaching(rude.url)) { client in
            _ = await refusal(.notFound) { _ = try await client.manifest(.latest, in: .at()) }
        }
    }

    @Test func aRefusedConnectionIsToldAtOnce() async throws {
        let server = try await RudeServer { _ in Reply(200) }
        let url = server.url
        await server.stop()
        try await withClient(.reaching(url)) { client in
            let error = await refusal(.unavailable) { _ = try await client.manifest(.latest, in: .at()) }
            #expect(error?.detail == "connection refused")
        }
    }

    @Test func anUnknownNameIsTold() async throws {
        let names = NameResolver { _ throws(NameResolver.Failure) in throw .noSuchHost }
        try await withClient(UpstreamSettings(), names: names) { client in
            let error = await refusal(.unavailable) { _ = try await client.manifest(.latest, in: .at("nowhere.example")) }
            #expect(error?.detail.contains("no such host") == true)
        }
    }

    @Test func aSlowHeadIsCutOff() async throws {
        let server = try await RudeServer { _ in Reply(200, [], someManifest, delay: .seconds(20)) }
        try await withClient(.reaching(server.url, head: .milliseconds(200))) { client in
            let error = await refusal(.unavailable) { _ = try await client.manifest(.latest, in: .at()) }
            #expect(error?.detail == "no answer within 0.2 s")
        }
    }

    @Test func aManifestThatDripsIsCutOff() async throws {
        let server = try await RudeServer { _ in Reply(200, [], "{", length: 100) }
        var settings = UpstreamSettings.reaching(server.url)
        settings.timeouts.document = .milliseconds(200)
        try await withClient(settings) { client in
            _ = await refusal(.unavailable) { _ = try await client.manifest(.latest, in: .at()) }
        }
    }

    @Test func aConnectionClosedBehindOurBackIsReplaced() async throws {
        let count = Mutex(0)
        let server = try await RudeServer { _ in
            let number = count.withLock {
                $0 += 1; return $0
            }
            return number == 2 ? Reply(raw: "", ending: .close) : .json(someManifest)
        }
        try await withClient(.reaching(server.url)) { client in
            for _ in 0..<2 { _ = try await client.manifest(.latest, in: .at()) }
        }
        #expect(server.requests.count == 3)
    }

    @Test func aServerThatAlwaysHangsUpIsAskedTwice() async throws {
        let server = try await RudeServer { _ in Reply(raw: "", ending: .close) }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.unavailable) { _ = try await client.manifest(.latest, in: .at()) }
        }
        #expect(server.requests.count == 2)
    }

    @Test func aTaskThatIsCancelledEndsAtOnce() async throws {
        let server = try await RudeServer { _ in .silence }
        try await withClient(.reaching(server.url, head: .seconds(60))) { client in
            let started = ContinuousClock.now
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await client.manifest(.latest, in: .at()) }
                try? await Task.sleep(for: .milliseconds(100))
                group.cancelAll()
            }
            #expect(started.duration(to: .now) < .seconds(10))
        }
    }

    // MARK: Addresses

    @Test func anyPrivateAddressOfANameRefusesItUnasked() async throws {
        let names = NameResolver { _ throws(NameResolver.Failure) in [.v4(0x0808_0808), .v4(0x7f00_0001)] }
        let server = try await RudeServer { _ in .json(someManifest) }
        try await withClient(UpstreamSettings(), names: names) { client in
            let error = await refusal(.guarded) {
                _ = try await client.manifest(.latest, in: .at("localhost:\(server.port)"))
            }
            #expect(error?.detail.contains("127.0.0.1 is a loopback address") == true)
        }
        #expect(server.connections == 0)
    }

    @Test func aNameThatChangesItsAddressGetsNoRequest() async throws {
        // The name was public when it was judged, and leads to this machine when it is connected to.
        let names = NameResolver { _ throws(NameResolver.Failure) in [.v4(0x0808_0808)] }
        let server = try await RudeServer(certificate: TestCertificates.good) { _ in .json(someManifest) }
        try await withAuthority { authority in
            let settings = UpstreamSettings(additionalTrustRoots: authority, systemTrustRoots: nil)
            try await withClient(settings, names: names) { client in
                _ = await refusal(.guarded) {
                    _ = try await client.manifest(.latest, in: .at("localhost:\(server.port)", as: someCredential))
                }
            }
        }
        #expect(server.requests.isEmpty)
    }

    @Test func aPrivateUpstreamIsReachedWhereTheSettingsAllowIt() async throws {
        let server = try await RudeServer(certificate: TestCertificates.good) { _ in .json(someManifest) }
        try await withAuthority { authority in
            let settings = UpstreamSettings(
                allowPrivate: ["localhost"], additionalTrustRoots: authority, systemTrustRoots: nil)
            try await withClient(settings) { client in
                _ = try await client.manifest(.latest, in: .at("localhost:\(server.port)"))
            }
        }
    }

    @Test(
        "Hosts that are none",
        arguments: [
            "127.0.0.1", "10.0.0.1", "2130706433", "0x7f.1", "user@example.com", "example.com/path", "[::1]", "example.com?x", "",
        ])
    func hosts(host: String) async throws {
        try await withClient(UpstreamSettings()) { client in
            _ = await refusal(.guarded) { _ = try await client.manifest(.latest, in: .at(host)) }
        }
    }

    // MARK: TLS

    @Test(
        "Certificates that are not accepted",
        arguments: [
            (TestCertificates.expired, true, "its certificate has expired"),
            (TestCertificates.otherName, true, "its certificate is for another name"),
            (TestCertificates.good, false, "its certificate is not trusted: its authority is unknown here"),
        ])
    func certificates(certificate: String, isAuthorityKnown: Bool, detail: String) async throws {
        let server = try await RudeServer(certificate: certificate) { _ in .json(someManifest) }
        try await withAuthority { authority in
            var settings = UpstreamSettings.reaching("https://localhost:\(server.port)")
            if isAuthorityKnown { settings.additionalTrustRoots = authority }
            try await withClient(settings) { client in
                let error = await refusal(.unavailable) {
                    _ = try await client.manifest(.latest, in: .at(as: someCredential))
                }
                #expect(error?.detail == detail)
            }
        }
        #expect(server.requests.isEmpty)
    }

    @Test func plainHTTPWhereTLSIsExpectedIsTold() async throws {
        let server = try await RudeServer { _ in Reply(200) }
        try await withClient(.reaching("https://127.0.0.1:\(server.port)")) { client in
            _ = await refusal(.unavailable) { _ = try await client.manifest(.latest, in: .at()) }
        }
    }
}
