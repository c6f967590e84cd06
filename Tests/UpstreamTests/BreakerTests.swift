import Synchronization
import Testing
import WeirCore
import WeirUpstream

/// A number that a server's answers depend on.
final class Switch: Sendable {
    private let value: Mutex<Int>
    init(_ value: Int) { self.value = Mutex(value) }
    var now: Int {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

/// Looks again and again until `condition` holds, for half a minute at most.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<600 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(50))
    }
    return false
}

@Suite struct BreakerTests {
    private func settings(_ url: String, _ rules: Circuit.Rules, head: Duration = .seconds(5)) -> UpstreamSettings {
        var settings = UpstreamSettings.reaching(url, head: head)
        settings.breaker = rules
        return settings
    }

    @Test func aTimeoutIsPaidOnce() async throws {
        let server = try await RudeServer { _ in .silence }
        let rules = Circuit.Rules(slow: .milliseconds(20), firstWait: .seconds(3600))
        try await withClient(settings(server.url, rules, head: .milliseconds(50))) { client in
            _ = await refusal(.unavailable) { _ = try await client.resolve(.latest, in: .at()) }
            let asked = server.requests.count
            // For every rule, and every kind of request.
            for source in [UpstreamSource.at(), .at(owner: "another")] {
                let error = await refusal(.unavailable) { _ = try await client.manifest(.latest, in: source) }
                #expect(error?.wasAsked == false)
                #expect(error?.detail.contains("no answer within") == true, "\(String(describing: error))")
                #expect(error?.retryAfter != nil)
            }
            #expect(server.requests.count == asked)
            #expect(client.status(owner: "another", host: "registry.example")?.breaker == .open)
        }
    }

    @Test func aDeadUpstreamThatComesBackIsFoundByAProbe() async throws {
        let status = Switch(503)
        let server = try await RudeServer { request in
            status.now == 200 && request.path != "/v2/"
                ? Reply(200, [("Content-Type", "application/json")], someManifest) : Reply(status.now)
        }
        let rules = Circuit.Rules(tolerated: 2, firstWait: .milliseconds(1), longestWait: .milliseconds(1))
        try await withClient(settings(server.url, rules)) { client in
            for _ in 0..<3 { _ = await refusal(.unavailable) { _ = try await client.manifest(.latest, in: .at()) } }
            status.now = 200
            let isBack = try await eventually { (try? await client.manifest(.latest, in: .at())) != nil }
            #expect(isBack)
            // The probe carried no login.
            #expect(server.requests(to: "/v2/").allSatisfy { $0.header("authorization") == nil })
            #expect(client.status(owner: "rule", host: "registry.example")?.breaker == .closed)
        }
    }

    @Test func aHeadOnWhichItHangsUpLateIsNoSilence() async throws {
        var hangUp = Reply(raw: "", ending: .close)
        hangUp.delay = .milliseconds(100)
        let server = try await RudeServer { [hangUp] request in
            request.method == "HEAD" ? hangUp : Reply(200, [("Content-Type", "application/json")], someManifest)
        }
        let rules = Circuit.Rules(slow: .milliseconds(20), firstWait: .seconds(3600))
        try await withClient(settings(server.url, rules)) { client in
            for _ in 0..<3 { _ = try await client.resolve(.latest, in: .at()) }
        }
    }

    @Test func refusalsAreNoSignOfDeath() async throws {
        for status in [401, 403, 404, 429, 500] {
            let server = try await RudeServer { _ in Reply(status) }
            try await withClient(settings(server.url, Circuit.Rules(slow: .seconds(60), tolerated: 1))) { client in
                for _ in 0..<3 { _ = try? await client.manifest(.latest, in: .at()) }
                #expect(server.requests.count == 3, "\(status)")
            }
        }
    }

    @Test func aDeadStorageDoesNotSilenceItsUpstream() async throws {
        let storage = try await RudeServer { _ in Reply(503) }
        let server = try await RudeServer { request in
            request.path.contains("/blobs/")
                ? .redirect(storage.url + "/blob?X-Amz-Signature=planted-signature")
                : Reply(200, [("Content-Type", "application/json")], someManifest)
        }
        try await withClient(settings(server.url, Circuit.Rules(tolerated: 1, firstWait: .seconds(3600)))) { client in
            for _ in 0..<3 {
                _ = await refusal(.unavailable) { _ = try await client.blob(Digest(someDigest), from: 0, in: .at()) }
            }
            #expect(storage.requests.count == 1)
            _ = try await client.manifest(.latest, in: .at())
        }
    }

    @Test func aNameThatTakesLongToFailIsNotLookedUpAgain() async throws {
        let lookups = Switch(0)
        let names = NameResolver { _ throws(NameResolver.Failure) in
            lookups.now += 1
            throw .failed
        }
        var settings = UpstreamSettings()
        settings.breaker = Circuit.Rules(slow: .zero, firstWait: .seconds(3600))
        try await withClient(settings, names: names) { client in
            for _ in 0..<5 {
                _ = await refusal(.unavailable) { _ = try await client.resolve(.latest, in: .at("dead.example")) }
            }
        }
        #expect(lookups.now == 1)
    }

    @Test func theStateIsTold() async throws {
        let server = try await RudeServer { request in
            request.method == "HEAD" ? Reply(200, [("Docker-Content-Digest", someDigest)]) : Reply(503)
        }
        let rules = Circuit.Rules(tolerated: 1, firstWait: .seconds(3600))
        try await withClient(settings(server.url, rules)) { client in
            let upstreams = Upstreams(client)
            #expect(upstreams.status(owner: "rule", host: "registry.example") == nil)
            _ = try await upstreams.resolve(.latest, in: .at())
            _ = await refusal(.unavailable) { _ = try await upstreams.manifest(.latest, in: .at()) }
            let status = try #require(upstreams.status(owner: "rule", host: "registry.example"))
            #expect(status.breaker == .open)
            #expect(status.lastSuccess != nil && status.pausedUntil != nil && status.latency != nil)
            #expect(status.lastFailure?.kind == .unavailable)
            #expect(status.requests == 2 && status.failures == 1)
            // An operator's check goes to the wire.
            let asked = server.requests.count
            _ = await refusal(.unavailable) { try await upstreams.check(.at()) }
            #expect(server.requests.count == asked + 1)
        }
    }
}
