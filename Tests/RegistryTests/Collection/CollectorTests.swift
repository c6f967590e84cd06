import ConformanceSuites
import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirRegistry

/// The collector's rules, one at a time (docs/collection.md).
@Suite struct CollectorTests {
    private let layer = noise(100_000)
    private let pastGrace = Duration.seconds(2 * 3600)

    @Test func whatAnImageNamesStays() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        let digest = try await house.push(layer, to: "mine/app")
        try await house.put(layer, as: "1", in: "mine/app")
        house.pass(.seconds(365 * 24 * 3600))
        let report = try await house.collect()
        #expect(report.freedBytes == 0)
        #expect(report.memberships == 0)
        #expect(report.stored == CollectionReport.Count(items: 1, bytes: 100_000))
        #expect(try await house.read(digest, in: "mine/app") == layer)
    }

    @Test func whatNoImageNamesGoesAfterTheGracePeriod() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        try await house.push(layer, to: "mine/app")
        house.pass(CollectionHouse.grace)
        #expect(try await house.collect().blobs.items == 0)
        house.pass(CollectionHouse.grace)
        let report = try await house.collect()
        #expect(report.memberships == 1)
        #expect(report.blobs == CollectionReport.Count(items: 1, bytes: 100_000))
        #expect(house.store.locations.isEmpty)
        #expect(try await house.verify().isClean)
    }

    @Test func aDeletedImagesBlobsGoAtTheNextRun() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        try await house.push(layer, to: "mine/app")
        let image = try await house.put(layer, as: "1", in: "mine/app")
        house.pass(pastGrace)
        try await house.delete(image, in: "mine/app")
        #expect(try await house.collect().blobs.bytes == 100_000)
        #expect(house.store.locations.isEmpty)
        // The deletion could be a mistake: the blob can be brought back for another grace period.
        #expect(house.store.quarantined.count == 1)
        house.pass(pastGrace)
        #expect(try await house.collect().freedBytes == 100_000)
        #expect(house.store.quarantined.isEmpty)
    }

    @Test func aLayerOfAnotherImageStays() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/one", "mine/two")
        for name in ["mine/one", "mine/two"] { try await house.push(layer, to: name) }
        let image = try await house.put(layer, as: "1", in: "mine/one")
        try await house.put(layer, as: "1", in: "mine/two")
        house.pass(pastGrace)
        try await house.delete(image, in: "mine/one")
        let report = try await house.collect()
        // The first repository may no longer serve it; the second still does, from the same bytes.
        #expect(report.memberships == 1)
        #expect(report.blobs.items == 0)
        let digest = Digest(of: layer.readableBytesView)
        await #expect(throws: Refusal.self) { try await house.read(digest, in: "mine/one") }
        #expect(try await house.read(digest, in: "mine/two") == layer)
    }

    @Test func aDeletedRepositoryLeavesNothing() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        try await house.push(layer, to: "mine/app")
        try await house.put(layer, as: "1", in: "mine/app")
        _ = try await house.registry.repositories.delete(
            RepositoryName("mine/app"), in: house.id, images: .deletedToo)
        #expect(try await house.collect().blobs.items == 1)
        #expect(house.store.locations.isEmpty)
    }

    @Test("Who was told that a blob is here has the whole grace period to name it")
    func promises() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        try await house.push(layer, to: "mine/app")
        for _ in 0..<20 {
            house.pass(.seconds(3000))
            // Answers "yes", and renews the promise once an eighth of the period has passed.
            try await house.pushIfMissing(layer, to: "mine/app")
            house.pass(.seconds(600))
            #expect(try await house.collect().memberships == 0)
        }
        house.pass(CollectionHouse.grace)
        try await house.put(layer, as: "1", in: "mine/app")
        house.pass(pastGrace)
        #expect(try await house.collect().memberships == 0)
    }

    @Test func aPromiseIsNotKeptForWhatIsGone() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        try await house.push(layer, to: "mine/app")
        house.pass(pastGrace)
        try await house.collect()
        let digest = Digest(of: layer.readableBytesView)
        let refusal = await #expect(throws: Refusal.self) {
            try await house.registry.pulls.blobs.pull(
                digest, in: RepositoryName("mine/app"), of: house.id, for: house.caller, .head)
        }
        #expect(refusal?.reason == .blobUnknown)
    }

    @Test func aDryRunTellsWhatARealOneDoes() async throws {
        let house = try await CollectionHouse(cacheSize: 100)
        try await house.create("mine/one", "mine/two", "mine/three")
        for (number, name) in ["mine/one", "mine/two", "mine/three"].enumerated() {
            let layer = noise(1000 + number, seed: UInt64(number))
            try await house.push(layer, to: name)
            if number < 2 { try await house.put(layer, as: "1", in: name) }
        }
        try await house.rule("ecr-public")
        for number in 0..<3 { try await house.cache(noise(70, seed: UInt64(20 + number)), as: "\(number)") }
        house.store.put(noise(5), in: BlobLocation(scope: "plain-0", digest: Digest(of: [5])))
        _ = try await house.registry.repositories.delete(
            RepositoryName("mine/one"), in: house.id, images: .deletedToo)
        house.pass(pastGrace)
        let before = house.store.locations
        var dry = try await house.collect(dryRun: true)
        #expect(house.store.locations == before)
        let real = try await house.collect()
        dry.isDryRun = false
        #expect(dry == real)
        #expect(real.blobs.items == 2)
        #expect(real.memberships == 1)
        #expect(real.orphans.items == 1)
        #expect(real.evicted.items > 0)
        #expect(real.stored.items == Int64(house.store.locations.count))
        #expect(try await house.collect(dryRun: true).freedBytes == 0)
    }

    @Test func aFileWithoutARowIsFound() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        try await house.push(layer, to: "mine/app")
        try await house.put(layer, as: "1", in: "mine/app")
        house.store.put(noise(500), in: BlobLocation(scope: "aes256-0000000000000000", digest: Digest(of: [1])))
        let report = try await house.collect()
        #expect(report.orphans == CollectionReport.Count(items: 1, bytes: 500))
        #expect(house.store.locations.count == 1)
    }

    @Test func readersReadOnWhileTheirBlobIsCollected() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        let digest = try await house.push(layer, to: "mine/app")
        let served = try await house.registry.pulls.blobs.pull(
            digest, in: RepositoryName("mine/app"), of: house.id, for: house.caller)
        _ = try await served.body.read(at: 0, upTo: 100)
        house.pass(pastGrace)
        try await house.collect()
        #expect(house.store.locations.isEmpty)
        #expect(try await served.wholeBody() == layer)
    }

    @Test func collectedContentCanBePushedAgain() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        for _ in 0..<3 {
            let digest = try await house.push(layer, to: "mine/app")
            #expect(try await house.read(digest, in: "mine/app") == layer)
            house.pass(pastGrace)
            #expect(try await house.collect().blobs.items == 1)
        }
    }

    @Test func withoutThePermitNothingIsDestroyed() async throws {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        let digest = try await house.push(layer, to: "mine/app")
        house.pass(pastGrace)
        house.forbidden.reason.withLock { $0 = Refusal(.shuttingDown, "the clock has jumped") }
        let refusal = await #expect(throws: Refusal.self) { try await house.collect() }
        #expect(refusal?.message == "the clock has jumped")
        await #expect(throws: Refusal.self) { try await house.verify(repair: true) }
        // Looking is allowed, and so is reading.
        #expect(try await house.collect(dryRun: true).memberships == 1)
        #expect(try await house.verify().isClean)
        #expect(try await house.read(digest, in: "mine/app") == layer)
        house.forbidden.reason.withLock { $0 = nil }
        #expect(try await house.collect().memberships == 1)
    }
}
