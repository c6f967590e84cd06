import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry
import WeirVault

/// Content that cannot be read now is not lost: a failed read deletes nothing.
@Suite struct NotLostTests {
    private let layer = noise(200_000)
    private var digest: Digest { Digest(of: layer.readableBytesView) }
    private let cached = "ecr-public/nginx/nginx"
    private let pastGrace = Duration.seconds(2 * 3600)

    /// An image with one pushed layer, and the layer's place.
    private func pushed() async throws -> (CollectionHouse, BlobLocation) {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        try await house.push(layer, to: "mine/app")
        try await house.put(layer, as: "1", in: "mine/app")
        return (house, try #require(house.location(layer)))
    }

    private func reason(
        _ use: BlobUse, _ house: CollectionHouse, _ name: String = "mine/app"
    ) async throws -> Refusal? {
        do {
            let blob = try await house.registry.pulls.blobs.pull(
                digest, in: RepositoryName(name), of: house.id, for: house.caller, use)
            if use == .read { #expect(try await blob.wholeBody() == layer) }
            return nil
        } catch let refusal as Refusal {
            return refusal
        }
    }

    private func availability(_ house: CollectionHouse) async throws -> Layers.Availability? {
        try await house.registry.layers.availability(of: [digest], in: RepositoryName("mine/app"), of: house.id)[digest]
    }

    // MARK: - Pushed

    @Test(
        "A disk that does not answer is no reason to throw away what it holds",
        arguments: [
            BlobStoreError.unavailable("read: Input/output error"), .tooManyFiles("open: too many open files"),
        ])
    func unreadable(error: BlobStoreError) async throws {
        let (house, location) = try await pushed()
        house.store.fail(location, with: error)
        for use in [BlobUse.read, .head] {
            let refusal = try await reason(use, house)
            #expect(refusal?.reason == .storageUnavailable)
            #expect(refusal?.retryAfter != nil)
        }
        await #expect(throws: Refusal.self) { try await availability(house) }
        let report = try await house.verify(repair: true, givingUpPushed: true)
        #expect(report.faults.map(\.kind) == [.unreadable])
        #expect(report.repaired == 0 && report.faults.first?.needsPush == false)
        house.pass(.seconds(30 * 24 * 3600))
        try await house.collect()
        #expect(house.store.locations == [location] && house.store.quarantined.isEmpty)
        house.store.fail(location, with: nil)
        #expect(try await reason(.read, house) == nil)
        #expect(try await reason(.head, house) == nil)
        #expect(try await availability(house) == .available(size: 200_000))
        #expect(try await house.verify().faults.isEmpty)
    }

    @Test func aReaderWhoseDiskFailsMidwayDeletesNothing() async throws {
        let (house, location) = try await pushed()
        let blob = try await house.registry.pulls.blobs.pull(
            digest, in: RepositoryName("mine/app"), of: house.id, for: house.caller)
        _ = try await blob.body.read(at: 0, upTo: 65_536)
        house.store.fail(location, with: .unavailable("read: Input/output error"))
        let refusal = await #expect(throws: Refusal.self) { try await blob.body.read(at: 65_536, upTo: 65_536) }
        #expect(refusal?.reason == .storageUnavailable)
        house.store.fail(location, with: nil)
        house.pass(pastGrace)
        try await house.collect()
        #expect(try await reason(.read, house) == nil)
    }

    @Test("Bytes that are gone for a while, or changed and put right again, are served again", arguments: [true, false])
    func backAgain(isMissing: Bool) async throws {
        let (house, location) = try await pushed()
        var bytes = ByteBuffer()
        house.store.spoil(location) { bytes = $0 }
        if isMissing {
            house.store.lose(location)
        } else {
            house.store.spoil(location) { $0.flip(at: $0.readerIndex + 100_000) }
        }
        let refusal = try await reason(.read, house)
        #expect(refusal?.reason == .contentDamaged)
        #expect(refusal?.message.contains(isMissing ? "missing" : "damaged") == true)
        // A client that wants to push is told to send it.
        #expect(try await reason(.head, house)?.reason == .blobUnknown)
        #expect(try await availability(house) == .unavailable)
        house.store.put(bytes, in: location)
        house.pass(pastGrace)
        try await house.collect()
        #expect(try await reason(.head, house) == nil)
        #expect(try await reason(.read, house) == nil)
        #expect(try await house.verify().faults.isEmpty)
    }

    @Test func whoPushesTheSameLayerMendsIt() async throws {
        let (house, location) = try await pushed()
        for isMissing in [true, false] {
            if isMissing { house.store.lose(location) } else { house.store.spoil(location) { $0.flip(at: $0.writerIndex - 9) } }
            #expect(try await reason(.read, house)?.reason == .contentDamaged)
            // A manifest is not accepted on the strength of it.
            let refusal = await #expect(throws: Refusal.self) { try await house.put(layer, as: "2", in: "mine/app") }
            #expect(refusal?.reason == .layersNotFound)
            try await house.pushIfMissing(layer, to: "mine/app")
            try await house.put(layer, as: "2", in: "mine/app")
            #expect(try await reason(.read, house) == nil)
            #expect(try await house.verify().faults.isEmpty)
        }
    }

    @Test func aFaultIsWrittenDownOnceAMinute() async throws {
        let (house, location) = try await pushed()
        house.store.lose(location)
        _ = try await reason(.read, house)
        let version = house.version
        for _ in 0..<10 { _ = try await reason(.read, house) }
        #expect(house.version == version)
        house.pass(.seconds(61))
        _ = try await reason(.read, house)
        #expect(house.version != version)
    }

    // MARK: - Cached

    @Test func cachedContentThatCannotBeReadComesFromUpstreamAndItsRowStays() async throws {
        let house = try await CollectionHouse()
        try await house.rule("ecr-public")
        try await house.cache(layer, as: "1")
        let location = try #require(house.location(layer))
        house.store.fail(location, with: .unavailable("read: Input/output error"))
        house.upstream.forgetRequests()
        #expect(try await reason(.read, house, cached) == nil)
        #expect(house.upstream.count(.blob) == 1)
        house.store.fail(location, with: nil)
        #expect(house.store.locations == [location])
        #expect(try await reason(.read, house, cached) == nil)
        #expect(house.upstream.count(.blob) == 1)
    }

    @Test func whereUpstreamIsGoneTooTheAnswerIsToTryAgain() async throws {
        let house = try await CollectionHouse()
        try await house.rule("ecr-public")
        try await house.cache(layer, as: "1")
        let location = try #require(house.location(layer))
        house.store.fail(location, with: .unavailable("read: Input/output error"))
        try await house.removeRules()
        #expect(try await reason(.read, house, cached)?.reason == .storageUnavailable)
        #expect(try await reason(.head, house, cached)?.reason == .storageUnavailable)
        house.store.fail(location, with: nil)
        #expect(try await reason(.read, house, cached) == nil)
    }

    // MARK: - Repairs and collections that see more than they should

    /// A repository with that many images of one small layer each.
    private func full(_ count: Int) async throws -> CollectionHouse {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        for number in 0..<count {
            let layer = noise(50, seed: UInt64(1_000 + number))
            try await house.push(layer, to: "mine/app")
            try await house.put(layer, as: "\(number)", in: "mine/app")
        }
        return house
    }

    @Test func aVolumeThatIsNotThereIsNotRepaired() async throws {
        let house = try await full(25)
        let locations = house.store.locations
        for location in locations { house.store.fail(location, with: .missing) }
        let report = try await house.verify(repair: true, givingUpPushed: true)
        #expect(report.faultCount >= 25 && report.repaired == 0)
        #expect(report.stopped?.contains("volume") == true)
        for location in locations { house.store.fail(location, with: nil) }
        house.pass(pastGrace)
        try await house.collect()
        #expect(house.store.locations == locations)
        #expect(try await house.verify().faults.isEmpty)
    }

    @Test func manyFilesWithoutARowAreLeftAlone() async throws {
        let (house, _) = try await pushed()
        for number in 0..<120 {
            house.store.put(noise(10), in: BlobLocation(scope: "plain-0", digest: Digest(of: "\(number)".utf8)))
        }
        for report in [try await house.collect(dryRun: true), try await house.collect()] {
            #expect(report.orphans.items == 0)
            #expect(report.stopped?.contains("weir gc --force") == true)
        }
        let repair = try await house.verify(repair: true)
        #expect(repair.repaired == 0 && repair.stopped != nil)
        #expect(house.store.locations.count == 121)
        let forced = try await house.collect(force: true)
        #expect(forced.orphans.items == 120 && forced.stopped == nil)
        #expect(house.store.locations.count == 1)
        #expect(house.store.quarantined.count == 120)
    }

    @Test func aYoungFileWithoutARowIsLeftAlone() async throws {
        let (house, _) = try await pushed()
        let location = BlobLocation(scope: "plain-0", digest: Digest(of: [1]))
        house.store.put(noise(10), in: location)
        house.store.touch(location, at: house.now)
        #expect(try await house.collect().orphans.items == 0)
        // A run with a grace of zero puts it aside; it is deleted when the settings' grace is over.
        #expect(try await house.collect(grace: .zero).orphans.items == 1)
        #expect(try await house.collect(grace: .zero).emptied.items == 0)
        #expect(house.store.quarantined.count == 1)
        house.pass(pastGrace)
        #expect(try await house.collect().emptied.items == 1)
        #expect(house.store.quarantined.isEmpty)
    }

    @Test func anotherDatabaseUnlinksNothing() async throws {
        let (house, location) = try await pushed()
        try await house.forget(["image", "repository_blob", "blob"])
        house.pass(.seconds(30 * 24 * 3600))
        #expect(try await house.collect().orphans.items == 1)
        #expect(house.store.quarantined.map(\.location) == [location])
    }

    @Test func theRightDatabaseGetsBackWhatAnotherOnePutAside() async throws {
        let (house, location) = try await pushed()
        // As after a database without the row has been in use.
        try house.store.quarantine(QuarantinedBlob(location: location, number: "00000000000000aa"))
        #expect(try await reason(.read, house)?.reason == .contentDamaged)
        try await house.collect()
        #expect(house.store.locations == [location])
        #expect(try await reason(.read, house) == nil)
        #expect(try await house.registry.quarantine.list(after: nil, limit: 10).page.items.isEmpty)
    }

    // MARK: - Quarantine

    @Test func whatWasDeletedIsListedAndComesBack() async throws {
        let (house, location) = try await pushed()
        let image = Digest(
            of: Manifests.image(config: digest, size: layer.readableBytes, layers: [(digest, layer.readableBytes)]).utf8)
        house.pass(pastGrace)
        try await house.delete(image, in: "mine/app")
        #expect(try await house.collect().blobs.items == 1)
        #expect(try await reason(.read, house)?.reason == .blobUnknown)
        let (page, total) = try await house.registry.quarantine.list(after: nil, limit: 10)
        #expect(total == CollectionReport.Count(items: 1, bytes: 200_000))
        let lost = try #require(page.items.first)
        #expect(lost.digest == digest && lost.reason == .unreferenced && lost.since == house.now)
        #expect(lost.holders == ["\(house.id)/mine/app"])
        #expect(house.registry.quarantine.end(of: lost) == house.now + CollectionHouse.grace)
        let report = try await house.restore(.digests([digest]))
        #expect(report.done.items == 1 && report.failureCount == 0)
        #expect(house.store.locations == [location] && house.store.quarantined.isEmpty)
        #expect(try await reason(.read, house) == nil)
        // It stays for the images that name it now.
        house.pass(CollectionHouse.grace)
        try await house.collect()
        #expect(try await reason(.read, house) == nil)
    }

    @Test func damagedContentDoesNotComeBack() async throws {
        let (house, location) = try await pushed()
        house.store.spoil(location) { $0.flip(at: $0.writerIndex - 9) }
        _ = try await house.verify(repair: true, givingUpPushed: true)
        let report = try await house.restore()
        #expect(report.done.items == 0 && report.failureCount == 1)
        #expect(house.store.quarantined.count == 1)
        let unknown = try await house.restore(.digests([Digest(of: [1, 2])]))
        #expect(unknown.failures.first?.reason.contains("weir lost") == true)
        let gone = try await house.registry.quarantine.discard(.all)
        #expect(gone.done.items == 1)
        #expect(house.store.quarantined.isEmpty)
    }

    @Test func anOrphanComesBackToTheRepositoryWhoseImageNamesIt() async throws {
        let (house, _) = try await pushed()
        try await house.forget(["repository_blob", "blob"])
        #expect(try await house.collect().orphans.items == 1)
        #expect(try await house.restore().done.items == 1)
        #expect(try await reason(.read, house) == nil)
        #expect(try await house.verify().faults.isEmpty)
    }

    @Test func aDeletedRepositoryInheritsNothing() async throws {
        let (house, _) = try await pushed()
        house.pass(pastGrace)
        _ = try await house.registry.repositories.delete(
            RepositoryName("mine/app"), in: house.id, images: .deletedToo)
        try await house.collect()
        let (page, _) = try await house.registry.quarantine.list(after: nil, limit: 10)
        #expect(page.items.first?.holders == ["\(house.id)/mine/app"])
        try await house.create("mine/app")
        #expect(try await house.restore().failureCount == 1)
        #expect(try await reason(.read, house)?.reason == .blobUnknown)
    }

    @Test func aPageBeginsWhereTheLastOneEnded() async throws {
        let house = try await full(5)
        _ = try await house.registry.repositories.delete(
            RepositoryName("mine/app"), in: house.id, images: .deletedToo)
        house.pass(pastGrace)
        try await house.collect()
        var (found, cursor): ([Digest], String?) = ([], nil)
        repeat {
            let page = try await house.registry.quarantine.list(after: cursor, limit: 2).page
            found += page.items.map(\.digest)
            cursor = page.next
        } while cursor != nil
        #expect(found.count == 5 && Set(found).count == 5)
    }

    // MARK: - Keys and manifests

    @Test func whatADisabledKeySealsIsNoFault() async throws {
        let house = try await CollectionHouse()
        let key = try await house.keys.create(NewKey(), in: house.id)
        _ = try await house.registry.repositories.create(
            RepositoryName("mine/app"), in: house.id, settings: RepositorySettings(encryption: .kms(key: key.arn)))
        try await house.push(layer, to: "mine/app")
        try await house.put(layer, as: "1", in: "mine/app")
        try await house.keys.disable(key.arn, in: house.id)
        let report = try await house.verify(repair: true, givingUpPushed: true)
        #expect(report.isClean && report.faults.isEmpty)
        #expect(report.sealedAway == CollectionReport.Count(items: 1, bytes: 200_000))
        #expect(report.sealedAwayManifests == 1)
        #expect(house.store.locations.count == 1)
        try await house.keys.enable(key.arn, in: house.id)
        #expect(try await house.verify().sealedAway.items == 0)
        #expect(try await reason(.read, house) == nil)
    }

    @Test func aDamagedCachedManifestKeepsItsRowAndItsTags() async throws {
        let house = try await CollectionHouse()
        try await house.rule("ecr-public")
        let image = try await house.cache(layer, as: "1")
        try await house.spoilManifests()
        try house.restart()
        house.upstream.fail(.unavailable)
        await #expect(throws: (any Error).self) { try await house.pull("\(image)", cached) }
        #expect(try await house.verify(repair: true).faults.map(\.kind) == [.damagedManifest])
        let listed = try await house.registry.images.list(
            in: RepositoryName(cached), of: house.id, .tagged, after: nil, limit: 10)
        #expect(listed.items.map { "\($0.tag?.description ?? "")" } == ["1"])
        house.upstream.recover()
        try await house.pull("\(image)", cached)
        #expect(try await house.verify().faults.isEmpty)
    }
}
