import ConformanceSuites
import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirUpstream

/// What `Upstreams` adds to a registry: pauses, budgets, repetitions.
@Suite struct SparingTests {
    private let clock = TestClock()
    private let fake = FakeUpstream(host: "registry.example")
    private var upstreams: Upstreams { Upstreams(asking: fake, clock: clock.clock) }

    private func source(
        _ limits: UpstreamLimits = .none, _ priority: UpstreamPriority = .interactive, owner: String = "rule",
        as credential: UpstreamCredential? = nil
    ) -> UpstreamSource {
        UpstreamSource(
            host: "registry.example", repository: "app", credential: credential, owner: owner, limits: limits,
            priority: priority)
    }

    @Test func tooManyRequestsIsObeyedForAsLongAsItWasSaid() async throws {
        fake.addImage(to: "app", tags: ["latest"], layer: ByteBuffer(string: "layer"))
        fake.fail(
            UpstreamError(.rateLimited, host: "registry.example", "too many", status: 429, retryAfter: .seconds(30)),
            on: [.manifest],
            times: 1)
        let upstreams = upstreams
        _ = await refusal(.rateLimited) { _ = try await upstreams.manifest(.latest, in: source()) }
        let error = await refusal(.rateLimited) { _ = try await upstreams.resolve(.latest, in: source()) }
        #expect(error?.wasAsked == false && error?.retryAfter == .seconds(30) && error?.status == 429)
        #expect(fake.requests.count == 1)
        #expect(upstreams.status(owner: "rule", host: "registry.example")?.pausedUntil == clock.clock.now + .seconds(30))
        // The pause was for this rule with this login, and for manifests.
        _ = try await upstreams.manifest(.latest, in: source(owner: "another"))
        _ = try await upstreams.manifest(.latest, in: source(as: someCredential))
        _ = await refusal(.notFound) { _ = try await upstreams.blob(Digest(someDigest), range: .whole, in: source()) }
        clock.advance(seconds: 30)
        _ = try await upstreams.manifest(.latest, in: source())
        #expect(upstreams.status(owner: "rule", host: "registry.example")?.pausedUntil == nil)
    }

    @Test func whatAnotherHostSaysIsNotTheRegistrysWord() async throws {
        let image = fake.addImage(to: "app", tags: ["latest"], layer: ByteBuffer(string: "layer"))
        var error = UpstreamError(.rateLimited, host: "registry.example", "too many", status: 429, retryAfter: .seconds(60))
        error.saidElsewhere = "cdn.example"
        fake.fail(error, on: [.blob, .referrers], times: 1)
        let upstreams = upstreams
        _ = await refusal(.rateLimited) { _ = try await upstreams.blob(image.layer, range: .whole, in: source()) }
        _ = await refusal(.rateLimited) {
            _ = try await upstreams.referrers(of: image.manifest, artifactType: nil, in: source())
        }
        #expect(upstreams.status(owner: "rule", host: "registry.example")?.pausedUntil == nil)
        _ = try await upstreams.manifest(.latest, in: source())
        _ = try await upstreams.blob(image.config, range: .whole, in: source())
    }

    @Test func withoutAWordOnHowLongThePauseGrows() async throws {
        fake.fail(.rateLimited)
        let upstreams = upstreams
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            _ = await refusal(.rateLimited) { _ = try await upstreams.manifest(.latest, in: source()) }
            #expect(
                upstreams.status(owner: "rule", host: "registry.example")?.pausedUntil == clock.clock.now
                    + .seconds(Int64(seconds)))
            clock.advance(seconds: Int64(seconds))
        }
    }

    @Test func aShortTroubleIsMendedByAskingAgain() async throws {
        fake.addImage(to: "app", tags: ["latest"], layer: ByteBuffer(string: "layer"))
        for status in [502, 503, 504, nil] {
            fake.forgetRequests()
            fake.fail(
                UpstreamError(.unavailable, host: "registry.example", "for a moment", status: status), on: [.manifest], times: 2)
            _ = try await upstreams.manifest(.latest, in: source())
            #expect(fake.count(.manifest) == 3)
        }
    }

    @Test func whatWillNotChangeIsAskedOnce() async throws {
        for error in [
            UpstreamError(.denied, host: "registry.example", "no", status: 401),
            UpstreamError(.notFound, host: "registry.example", "no", status: 404),
            UpstreamError(.unavailable, host: "registry.example", "broken", status: 500),
            UpstreamError(.unavailable, host: "registry.example", "later", status: 503, retryAfter: .seconds(5)),
            UpstreamError(.unavailable, host: "registry.example", "certificate", step: .tls),
            UpstreamError(.unavailable, host: "registry.example", "circuit", wasAsked: false),
        ] {
            fake.recover()
            fake.forgetRequests()
            fake.fail(error)
            _ = await refusal(error.kind) { _ = try await upstreams.manifest(.latest, in: source()) }
            #expect(fake.requests.count == 1, "\(error)")
        }
    }

    @Test func repetitionsDoNotDoubleTheLoadOfAStrugglingUpstream() async throws {
        fake.fail(UpstreamError(.unavailable, host: "registry.example", "down", status: 503))
        let upstreams = upstreams
        for _ in 0..<100 { _ = try? await upstreams.resolve(.latest, in: source()) }
        #expect(fake.requests.count <= 111)
    }

    @Test func aRuleHasNoMoreConnectionsThanItMay() async throws {
        let layer = ByteBuffer(repeating: 7, count: 1 << 20)
        let (_, _, digest) = fake.addImage(to: "app", layer: layer)
        let limits = UpstreamLimits(connections: 2)
        let upstreams = upstreams
        fake.holdBlobs(at: 0)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    let blob = try await upstreams.blob(digest, range: .whole, in: source(limits))
                    return try await collected(blob.body).readableBytes
                }
            }
            try await fake.untilHeld(2)
            #expect(fake.count(.blob) == 2)
            fake.release()
            for try await count in group { #expect(count == 1 << 20) }
        }
        #expect(fake.count(.blob) == 6)
    }

    @Test func anotherRuleDoesNotWaitForIt() async throws {
        fake.addImage(to: "app", tags: ["latest"], layer: ByteBuffer(string: "layer"))
        let limits = UpstreamLimits(connections: 1)
        let upstreams = upstreams
        let (_, _, digest) = fake.addImage(to: "app", layer: ByteBuffer(string: "other"))
        let held = try await upstreams.blob(digest, range: .whole, in: source(limits))
        _ = try await upstreams.manifest(.latest, in: source(limits, owner: "another"))
        #expect(try await collected(held.body).readableBytes == 5)
        _ = try await upstreams.manifest(.latest, in: source(limits))
    }

    @Test func whoeverLetsGoOfABodyGivesItsConnectionBack() async throws {
        let (_, _, digest) = fake.addImage(to: "app", layer: ByteBuffer(string: "layer"))
        let limits = UpstreamLimits(connections: 1)
        let upstreams = upstreams
        for _ in 0..<3 { _ = try await upstreams.blob(digest, range: .whole, in: source(limits)) }
        fake.spoil(digest, .breaks(at: 2))
        let broken = try await upstreams.blob(digest, range: .whole, in: source(limits))
        _ = try? await collected(broken.body)
        fake.recover()
        let whole = try await upstreams.blob(digest, range: .whole, in: source(limits))
        #expect(try await collected(whole.body).readableBytes == 5)
        withExtendedLifetime(broken) {}
    }

    @Test func theMoreUrgentPassesFirst() async throws {
        let semaphore = PrioritySemaphore(limit: 1)
        let order = Order()
        var first: PrioritySemaphore.Permit? = try await semaphore.acquire(.refresh)
        #expect(first != nil)
        await withTaskGroup(of: Void.self) { group in
            for priority in [UpstreamPriority.refresh, .prefetch, .interactive] {
                group.addTask {
                    let permit = try? await semaphore.acquire(priority)
                    order.add(priority)
                    permit?.release()
                }
                while semaphore.queue <= priority.queued { await Task.yield() }
            }
            first?.release()
            first = nil
        }
        #expect(order.all == [.interactive, .prefetch, .refresh])
    }

    @Test func aWaitThatIsGivenUpTakesNoPermit() async throws {
        let semaphore = PrioritySemaphore(limit: 1)
        let permit = try await semaphore.acquire(.interactive)
        let waiting = Task { try await semaphore.acquire(.interactive) }
        while semaphore.queue < 1 { await Task.yield() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        permit.release()
        _ = try await semaphore.acquire(.interactive)
    }

    @Test func requestsPerSecondAreKept() async throws {
        fake.addImage(to: "app", tags: ["latest"], layer: ByteBuffer(string: "layer"))
        let upstreams = upstreams
        let started = ContinuousClock.now
        for _ in 0..<14 { _ = try await upstreams.resolve(.latest, in: source(UpstreamLimits(requestsPerSecond: 10))) }
        // Ten at once, then one each tenth of a second, and never faster.
        #expect(started.duration(to: .now) >= .milliseconds(400))
    }

    @Test func bytesPerSecondHoldForWhatIsOnlyStoredToo() async throws {
        let (_, _, digest) = fake.addImage(to: "app", layer: ByteBuffer(repeating: 7, count: 150_000))
        let upstreams = upstreams
        let started = ContinuousClock.now
        let blob = try await upstreams.blob(
            digest, range: .whole, in: source(UpstreamLimits(bytesPerSecond: 100_000), .prefetch))
        #expect(try await collected(blob.body).readableBytes == 150_000)
        #expect(started.duration(to: .now) >= .milliseconds(500))
        #expect(upstreams.status(owner: "rule", host: "registry.example")?.bytesReceived == 150_000)
    }
}

extension UpstreamPriority {
    /// The number of requests that wait before it in the test.
    fileprivate var queued: Int { 2 - rawValue }
}

private final class Order: Sendable {
    private let list = Mutex<[UpstreamPriority]>([])
    func add(_ priority: UpstreamPriority) { list.withLock { $0.append(priority) } }
    var all: [UpstreamPriority] { list.withLock { $0 } }
}
