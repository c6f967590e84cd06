import Crypto
import Logging
import Synchronization
import Testing
import WeirCore
import WeirText
import WeirUpstream

@Suite struct EventWebhookTests {
    private func webhook(_ url: String, dropped: Atomic<Int>.Box) throws -> EventWebhook {
        try EventWebhook(
            url: url, secret: "the key", additionalTrustRoots: nil, logger: Logger(label: "test"), capacity: 10
        ) { dropped.count.add(1, ordering: .relaxed) }
    }

    @Test func eventsArriveInTheirOrderAndSigned() async throws {
        let server = try await RudeServer { _ in Reply(204) }
        let dropped = Atomic<Int>.Box()
        let webhook = try webhook("\(server.url)/hook?key=abc", dropped: dropped)
        for number in 1...5 { webhook.take(#"{"n":\#(number)}"#) }
        webhook.close()
        await webhook.run()
        let seen = server.requests
        #expect(seen.count == 5 && seen.allSatisfy { $0.method == "POST" && $0.uri == "/hook?key=abc" })
        let codes = (1...5).map { number in
            let code = HMAC<SHA256>.authenticationCode(
                for: Array(#"{"n":\#(number)}"#.utf8), using: SymmetricKey(data: Array("the key".utf8)))
            return "sha256=" + Hex.encode(Array(code))
        }
        #expect(seen.map { $0.header("X-Weir-Signature") } == codes)
        #expect(dropped.count.load(ordering: .relaxed) == 0)
        await server.stop()
    }

    @Test func aRedirectIsNotFollowedAndARefusalNotRepeated() async throws {
        let server = try await RudeServer { request in
            request.path == "/moved" ? Reply.redirect("/elsewhere") : Reply(400)
        }
        for path in ["moved", "refused"] {
            let dropped = Atomic<Int>.Box()
            let webhook = try webhook("\(server.url)/\(path)", dropped: dropped)
            webhook.take("{}")
            webhook.close()
            await webhook.run()
            #expect(dropped.count.load(ordering: .relaxed) == 1)
        }
        #expect(server.requests.map(\.path) == ["/moved", "/refused"])
        await server.stop()
    }

    @Test func whatDoesNotFitIsDroppedAndCountedAndTheRestArrives() async throws {
        let server = try await RudeServer { _ in Reply(200) }
        let dropped = Atomic<Int>.Box()
        let webhook = try webhook(server.url, dropped: dropped)
        for _ in 0..<12 { webhook.take("{}") }
        #expect(dropped.count.load(ordering: .relaxed) == 2)
        webhook.close()
        await webhook.run()
        #expect(server.requests.count == 10)
        await server.stop()
    }

    @Test func aURLThatIsNoneIsRefused() {
        #expect(throws: UpstreamSettingsError.self) { try webhook("ftp://x/", dropped: Atomic<Int>.Box()) }
        #expect(throws: UpstreamSettingsError.self) { try webhook("https://user:secret@x/", dropped: Atomic<Int>.Box()) }
    }
}

extension Atomic where Value == Int {
    /// A counter that a closure can hold.
    final class Box: Sendable { let count = Atomic<Int>(0) }
}
