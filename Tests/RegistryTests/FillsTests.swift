import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry
import WeirStorage

@Suite struct FillsTests {
    /// A registry with a rule, and a pulled image with one layer.
    private func pulled(
        layer: ByteBuffer, _ prepare: (FakeUpstream, Digest) -> Void
    ) async throws -> (house: TestRegistry, layer: Digest) {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: layer)
        prepare(house.upstream, image.layer)
        _ = try await house.pull("1", "ecr-public/a/b")
        return (house, image.layer)
    }

    @Test(
        "A transfer that breaks goes on where it broke, and its readers do not notice",
        arguments: [Int64(0), 6_000, 300_000, 594_000])
    func resumes(at offset: Int64) async throws {
        let layer = noise(600_000)
        let (house, digest) = try await pulled(layer: layer) { $0.spoil($1, .breaksOnce(at: offset)) }
        #expect(try await house.bytes(digest, "ecr-public/a/b") == layer)
        #expect(house.upstream.offsets(of: digest) == [0, offset])
    }

    @Test func anUpstreamWithoutRangesIsReadFromItsBeginningAgain() async throws {
        let layer = noise(600_000)
        let (house, digest) = try await pulled(layer: layer) { upstream, digest in
            upstream.ignoreRanges()
            upstream.spoil(digest, .breaksOnce(at: 300_000))
        }
        #expect(try await house.bytes(digest, "ecr-public/a/b") == layer)
        #expect(house.upstream.offsets(of: digest) == [0, 300_000])
    }

    @Test func aSizeThatNobodyToldIsLearntFromTheEnd() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let layer = noise(500_000)
        let digest = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10)).manifest
        let bare = house.upstream.add(blob: layer, to: "a/b")
        house.upstream.hideSizes()
        #expect(try await house.pull("1", "ecr-public/a/b").digest == digest)
        #expect(try await house.bytes(bare, "ecr-public/a/b") == layer)
    }

    @Test(
        "What is not worth a second question is told as it is", arguments: [UpstreamError.Kind.denied, .notFound, .guarded])
    func noRetry(kind: UpstreamError.Kind) async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000))
        house.upstream.fail(kind, on: [.blob])
        _ = try await house.pull("1", "ecr-public/a/b")
        await #expect(throws: Refusal.self) { try await house.bytes(image.layer, "ecr-public/a/b") }
        try await house.eventually { house.stagedFiles.isEmpty }
    }

    // MARK: Parts

    @Test func aBigBlobComesInPartsThatAddUpToItsSize() async throws {
        let layer = noise(26 << 20)
        let (house, digest) = try await pulled(layer: layer) { upstream, _ in upstream.send(chunksOf: 256 << 10) }
        #expect(try await house.blob(digest, "ecr-public/a/b").wholeBody(step: 1 << 20) == layer)
        let asked = house.upstream.requests.filter { $0.reference == "\(digest)" && $0.kind == .blob }
        #expect(asked.count > 2)
        #expect(asked.reduce(0) { $0 + ($1.length ?? Int64(layer.readableBytes) - $1.offset) } == Int64(layer.readableBytes))
        try await house.eventually { house.stagedFiles.isEmpty }
    }

    @Test func aPartThatBreaksIsFetchedAgainAndInOrder() async throws {
        let layer = noise(18 << 20, seed: 7)
        let (house, digest) = try await pulled(layer: layer) { upstream, digest in
            upstream.send(chunksOf: 256 << 10)
            upstream.spoil(digest, .breaksOnce(at: 9 << 20))
        }
        #expect(try await house.blob(digest, "ecr-public/a/b").wholeBody(step: 1 << 20) == layer)
        try await house.eventually { house.stagedFiles.isEmpty }
    }

    @Test func anUpstreamWithoutRangesSendsABigBlobOnce() async throws {
        let layer = noise(18 << 20)
        let (house, digest) = try await pulled(layer: layer) { upstream, _ in
            upstream.send(chunksOf: 256 << 10)
            upstream.ignoreRanges()
        }
        #expect(try await house.blob(digest, "ecr-public/a/b").wholeBody(step: 1 << 20) == layer)
        #expect(house.upstream.offsets(of: digest) == [0])
    }

    @Test func aWrongByteInAPartNeverCompletes() async throws {
        let layer = noise(18 << 20)
        let (house, digest) = try await pulled(layer: layer) { $0.spoil($1, .wrongByte(at: 10 << 20)) }
        await #expect(throws: (any Error).self) { try await house.bytes(digest, "ecr-public/a/b") }
        try await house.eventually { house.stagedFiles.isEmpty }
    }

    // MARK: Several repositories

    /// Two upstream repositories with the same layer; the first one's transfer is held at 300,000 bytes.
    private func twoRepositories(layer: ByteBuffer, flaw: FakeUpstream.Flaw? = nil) async throws -> (TestRegistry, Digest) {
        let house = try await TestRegistry()
        try await house.rule()
        let digest = house.upstream.addImage(to: "a/b", tags: ["1"], layer: layer).layer
        house.upstream.addImage(to: "c/d", tags: ["1"], layer: layer)
        house.upstream.spoil(digest, flaw)
        house.upstream.holdBlobs(at: 300_000)
        _ = try await house.pull("1", "ecr-public/a/b")
        try await house.upstream.untilHeld()
        _ = try await house.pull("1", "ecr-public/c/d")
        return (house, digest)
    }

    @Test func anotherRepositoryReadsAlongWhatIsOnItsWay() async throws {
        let layer = noise(600_000)
        let (house, digest) = try await twoRepositories(layer: layer)
        let blob = try await house.blob(digest, "ecr-public/c/d")
        #expect(blob.size == 600_000)
        // The transfer is still held: these bytes come from the other repository's.
        #expect(try await blob.body.read(at: 0, upTo: 1_000) == layer.getSlice(at: 0, length: 1_000))
        house.upstream.release()
        #expect(try await blob.wholeBody() == layer)
        #expect(house.upstream.offsets(of: digest) == [0])
        #expect(house.upstream.requests.contains { $0.kind == .blobSize && $0.source.repository == "c/d" })
    }

    @Test func aRepositoryThatDoesNotHaveItUpstreamReadsNothingAlong() async throws {
        let (house, digest) = try await twoRepositories(layer: noise(600_000))
        house.upstream.addImage(to: "e/f", tags: ["1"], layer: noise(10))
        _ = try await house.pull("1", "ecr-public/e/f")
        let refusal = await #expect(throws: Refusal.self) { try await house.blob(digest, "ecr-public/e/f") }
        #expect(refusal?.reason == .blobUnknown)
        house.upstream.release()
    }

    @Test func whoReadsAlongGoesOnByItselfWhenTheOtherFails() async throws {
        let layer = noise(600_000)
        let (house, digest) = try await twoRepositories(layer: layer, flaw: .breaksOnce(at: 400_000))
        let blob = try await house.blob(digest, "ecr-public/c/d")
        #expect(try await blob.body.read(at: 0, upTo: 1_000).readableBytes == 1_000)
        // The first transfer breaks and may not go on; the second may.
        house.upstream.fail(.denied, on: [.blob], times: 1)
        house.upstream.release()
        #expect(try await blob.wholeBody() == layer)
        let asked = house.upstream.requests.filter { $0.kind == .blob && $0.reference == "\(digest)" }
        #expect(asked.map(\.source.repository) == ["a/b", "a/b", "c/d"])
    }

    @Test func aHostThatNobodyKnowsProvesWithBytesAndNotWithAYes() async throws {
        let house = try await TestRegistry(upstreams: UpstreamPolicy(hosts: .any, secrets: .optional))
        try await house.rule()
        let layer = noise(100_000)
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: layer)
        _ = try await house.pull("1", "ecr-public/a/b")
        _ = try await house.bytes(image.layer, "ecr-public/a/b")
        try await house.eventually { house.stagedFiles.isEmpty }
        _ = try await house.registry.cacheRules.create(
            CacheRuleRequest(
                prefix: Prefix("evil", lengths: CacheRule.prefixLengths), upstreamURL: "registry.evil.example"),
            in: house.id)
        // It says yes to every HEAD, and has other bytes.
        house.upstream.forgetRequests()
        _ = try await house.pull("1", "evil/a/b")
        #expect(try await house.bytes(image.layer, "evil/a/b") == layer)
        let asked = house.upstream.requests.filter { $0.reference == "\(image.layer)" }
        #expect(asked.map(\.kind) == [.blob])
        // It may vouch for its own content.
        house.upstream.addImage(to: "c/d", tags: ["1"], layer: layer)
        house.upstream.forgetRequests()
        _ = try await house.pull("1", "evil/c/d")
        #expect(try await house.bytes(image.layer, "evil/c/d") == layer)
        #expect(house.upstream.requests.filter { $0.reference == "\(image.layer)" }.map(\.kind) == [.blobSize])
    }
}

@Suite struct BlobSourceTests {
    /// A blob from a rule's upstream, in a registry whose rule is then made anew with another host.
    private func redirectedRule(oldRows: Bool = false) async throws -> (house: TestRegistry, layer: Digest) {
        let house = try await TestRegistry(upstreams: UpstreamPolicy(hosts: .any, secrets: .optional))
        try await rule("registry.honest.example", in: house)
        let layer = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(100_000)).layer
        house.upstream.addImage(to: "c/d", tags: ["1"], layer: noise(100_000))
        _ = try await house.pull("1", "mine/a/b")
        _ = try await house.bytes(layer, "mine/a/b")
        try await house.eventually { house.stagedFiles.isEmpty }
        if oldRows { _ = try await house.database.write { try $0.execute("UPDATE repository_blob SET source = NULL", []) } }
        house.upstream.forgetRequests()
        return (house, layer)
    }

    private func rule(_ host: String, in house: TestRegistry) async throws {
        let prefix = try Prefix("mine", lengths: CacheRule.prefixLengths)
        _ = try? await house.registry.cacheRules.delete(prefix, in: house.id)
        _ = try await house.registry.cacheRules.create(CacheRuleRequest(prefix: prefix, upstreamURL: host), in: house.id)
    }

    /// The requests to upstream about the layer when the second repository is pulled.
    private func asked(_ layer: Digest, of house: TestRegistry) async throws -> [FakeUpstream.Kind] {
        _ = try await house.pull("1", "mine/c/d")
        #expect(try await house.bytes(layer, "mine/c/d") == noise(100_000))
        try await house.eventually { house.stagedFiles.isEmpty }
        return house.upstream.requests.filter { $0.reference == "\(layer)" }.map(\.kind)
    }

    @Test func theHostThatGaveItMayVouchForIt() async throws {
        let (house, layer) = try await redirectedRule()
        #expect(try await asked(layer, of: house) == [.blobSize])
    }

    @Test func theHostThatTheRuleNamesNowMayNot() async throws {
        let (house, layer) = try await redirectedRule()
        try await rule("registry.evil.example", in: house)
        #expect(try await asked(layer, of: house) == [.blob])
    }

    @Test func anotherPathOfTheSameHostMayNot() async throws {
        let (house, layer) = try await redirectedRule()
        _ = try await house.registry.cacheRules.setOptions(
            of: Prefix("mine", lengths: CacheRule.prefixLengths), in: house.id
        ) { $0.pathPrefix = "/tenants/evil" }
        #expect(try await asked(layer, of: house) == [.blob])
    }

    @Test func whatNobodyKnowsTheSourceOfIsProvedByBytesOnce() async throws {
        let (house, layer) = try await redirectedRule(oldRows: true)
        #expect(try await asked(layer, of: house) == [.blob])
    }
}

@Suite struct RetryBudgetTests {
    private func error(_ kind: UpstreamError.Kind, after: Duration? = nil, wasAsked: Bool = true) -> UpstreamError {
        UpstreamError(kind, host: "h", "", retryAfter: after, wasAsked: wasAsked)
    }

    @Test func pausesGrowAreSpreadAndEnd() {
        var budget = RetryBudget(RetryPolicy())
        var pauses: [Duration] = []
        while let pause = budget.pause(after: error(.unavailable), at: 5, isAnswered: true, chance: 1) { pauses.append(pause) }
        #expect(pauses == [100, 200, 400, 800, 1_600].map { .milliseconds($0) })
        var early = RetryBudget(RetryPolicy())
        #expect(early.pause(after: error(.unavailable), at: 0, isAnswered: true, chance: 0) == .milliseconds(50))
    }

    @Test func bytesBetweenTwoBreaksBeginANewRow() {
        var budget = RetryBudget(RetryPolicy())
        for position in 0..<90 {
            #expect(
                budget.pause(after: error(.unavailable), at: Int64(position), isAnswered: true, chance: 1) == .milliseconds(100))
        }
        for _ in 0..<20 { _ = budget.pause(after: error(.unavailable), at: 90, isAnswered: true, chance: 1) }
        #expect(budget.pause(after: error(.unavailable), at: 91, isAnswered: true, chance: 1) == nil)
    }

    @Test func onlyWhatMayPassIsTriedAgain() {
        for kind in [UpstreamError.Kind.denied, .notFound, .invalid, .guarded] {
            var budget = RetryBudget(RetryPolicy())
            #expect(budget.pause(after: error(kind), at: 0, isAnswered: true, chance: 0) == nil)
        }
        var budget = RetryBudget(RetryPolicy())
        #expect(budget.pause(after: CancellationError(), at: 0, isAnswered: true, chance: 0) == nil)
    }

    @Test func beforeAnybodyWasPromisedAnythingTheTruthComesSooner() {
        var budget = RetryBudget(RetryPolicy())
        var tries = 0
        while budget.pause(after: error(.unavailable), at: 0, isAnswered: false, chance: 0) != nil { tries += 1 }
        #expect(tries == 2)
        var closed = RetryBudget(RetryPolicy())
        #expect(closed.pause(after: error(.unavailable, wasAsked: false), at: 0, isAnswered: false, chance: 0) == nil)
        var limited = RetryBudget(RetryPolicy())
        #expect(limited.pause(after: error(.rateLimited), at: 0, isAnswered: false, chance: 0) == nil)
    }

    @Test func upstreamsWishIsObeyedWithinReason() {
        var budget = RetryBudget(RetryPolicy())
        #expect(budget.pause(after: error(.rateLimited, after: .seconds(7)), at: 1, isAnswered: true, chance: 0) == .seconds(7))
        #expect(budget.pause(after: error(.rateLimited, after: .seconds(600)), at: 1, isAnswered: true, chance: 0) == nil)
    }
}

@Suite struct FillSlotsTests {
    /// Runs one fill in a slot until the test releases it. Notes the order in which fills got slots.
    private final class Runner: Sendable {
        let slots: FillSlots
        let order = AsyncStream<String>.makeStream()

        init(_ limits: FillSlots.Limits) { slots = FillSlots(limits) }
    }

    private func limits(perRule: Int, total: Int) -> FillSlots.Limits {
        var limits = FillSlots.Limits()
        limits.perRule = perRule
        limits.total = total
        return limits
    }

    @Test func whoWaitsForAClientComesFirst() async {
        let runner = Runner(limits(perRule: 1, total: 10))
        let slots = runner.slots
        let (gate, open) = AsyncStream<Void>.makeStream()
        await withTaskGroup(of: Void.self) { group in
            let first = slots.ticket(of: "r", limit: nil, priority: .interactive)
            group.addTask { await slots.withSlot(first) { for await _ in gate {} } }
            while slots.hasRoom(for: first) { await Task.yield() }
            for (name, priority) in [("refresh", UpstreamPriority.refresh), ("prefetch", .prefetch), ("client", .interactive)] {
                let waiting = slots.waiting
                group.addTask {
                    await slots.withSlot(slots.ticket(of: "r", limit: nil, priority: priority)) {
                        _ = runner.order.continuation.yield(name)
                    }
                }
                while slots.waiting == waiting { await Task.yield() }
            }
            open.finish()
        }
        runner.order.continuation.finish()
        var order: [String] = []
        for await name in runner.order.stream { order.append(name) }
        #expect(order == ["client", "prefetch", "refresh"])
    }

    @Test func whatIsFetchedAheadLeavesRoomForAClient() async {
        let slots = FillSlots(limits(perRule: 4, total: 10))
        let (gate, open) = AsyncStream<Void>.makeStream()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<5 {
                group.addTask {
                    await slots.withSlot(slots.ticket(of: "r", limit: nil, priority: .prefetch)) { for await _ in gate {} }
                }
            }
            while slots.waiting < 2 { await Task.yield() }
            // Three run, two wait, and a client gets the fourth slot at once.
            await slots.withSlot(slots.ticket(of: "r", limit: nil, priority: .interactive)) {}
            #expect(slots.waiting == 2)
            open.finish()
        }
        #expect(slots.waiting == 0)
    }

    @Test func partsTakeWhatIsLeftAndNothingElse() async {
        let slots = FillSlots(limits(perRule: 3, total: 10))
        let ticket = slots.ticket(of: "r", limit: nil, priority: .interactive)
        await slots.withSlot(ticket) {
            #expect(slots.takePart(ticket, having: 0) && slots.takePart(ticket, having: 1))
            #expect(!slots.takePart(ticket, having: 2))
            slots.returnPart()
            slots.returnPart()
            let other = slots.ticket(of: "r", limit: nil, priority: .interactive)
            await slots.withSlot(other) {
                #expect(slots.takePart(ticket, having: 0) && !slots.takePart(ticket, having: 1))
                slots.returnPart()
            }
        }
    }
}
