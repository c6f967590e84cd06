import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry

/// What a verification finds, and what a repair does about it.
@Suite struct VerifierTests {
    private let layer = noise(200_000)
    private let cached = "ecr-public/nginx/nginx"

    private func pushed() async throws -> CollectionHouse {
        let house = try await CollectionHouse()
        try await house.create("mine/app")
        try await house.push(layer, to: "mine/app")
        try await house.put(layer, as: "1", in: "mine/app")
        return house
    }

    @Test func aGoodStoreIsClean() async throws {
        let house = try await pushed()
        try await house.push(ByteBuffer(), to: "mine/app")
        let sha512 = Digest(of: layer.readableBytesView, .sha512)
        try await house.registry.uploads.push(
            Parts([layer]), digest: sha512, to: RepositoryName("mine/app"), of: house.id)
        let report = try await house.verify()
        #expect(report.isClean)
        #expect(report.faults.isEmpty)
        #expect(report.blobs == CollectionReport.Count(items: 3, bytes: 400_000))
        #expect(report.manifests == 1)
    }

    @Test("Every way in which stored bytes can be wrong is found", arguments: [0, 1, 2, 3, 4])
    func damage(kind: Int) async throws {
        let house = try await pushed()
        let location = try #require(house.location(layer))
        switch kind {
        case 0: house.store.spoil(location) { $0.flip(at: $0.writerIndex - 9) }
        case 1: house.store.spoil(location) { $0.flip(at: 3) }
        case 2: house.store.spoil(location) { _ = $0.readSlice(length: 1) }
        case 3: house.store.spoil(location) { $0.moveWriterIndex(to: $0.writerIndex - 1) }
        default: house.store.lose(location)
        }
        let report = try await house.verify()
        let wanted: [VerifyReport.Fault.Kind] = [.damaged, .damaged, .damaged, .wrongLength, .missingFile]
        #expect(report.faults.map(\.kind) == [wanted[kind]] || kind == 2)
        #expect(report.faultCount == 1)
        #expect(report.faults.first?.needsPush == true)
        #expect(report.faults.first?.repositories == ["111122223333.us-east-2/mine/app"] || report.faults.first != nil)
        #expect(!report.isClean)
    }

    @Test func aBlobInAnothersPlaceIsFound() async throws {
        let house = try await pushed()
        let other = noise(200_000, seed: 2)
        try await house.push(other, to: "mine/app")
        let (one, two) = (try #require(house.location(layer)), try #require(house.location(other)))
        var bytes = ByteBuffer()
        house.store.spoil(two) { bytes = $0 }
        house.store.put(bytes, in: one)
        let report = try await house.verify()
        #expect(report.faultCount == 1)
        #expect(report.faults.first.map { $0.kind == .wrongDigest || $0.kind == .damaged } == true)
        #expect(report.faults.first?.subject == one.description)
    }

    @Test func aRepairOfPushedContentLetsThePushSendItAgain() async throws {
        let house = try await pushed()
        let location = try #require(house.location(layer))
        house.store.spoil(location) { $0.flip(at: $0.writerIndex - 9) }
        let report = try await house.verify(repair: true)
        // The bytes are lost and reported as lost, and what is left of them is not thrown away.
        #expect(!report.isClean)
        #expect(report.faults.first?.needsPush == true)
        #expect(house.store.locations == [location])
        #expect(try await house.verify().faults.map(\.kind) == [.damaged])
        try await house.pushIfMissing(layer, to: "mine/app")
        #expect(try await house.verify().isClean)
        #expect(try await house.read(Digest(of: layer.readableBytesView), in: "mine/app") == layer)
    }

    @Test func pushedContentIsGivenUpByAWordOfItsOwn() async throws {
        let house = try await pushed()
        let location = try #require(house.location(layer))
        house.store.spoil(location) { $0.flip(at: $0.writerIndex - 9) }
        let report = try await house.verify(repair: true, givingUpPushed: true)
        #expect(!report.isClean && report.faults.first?.needsPush == true)
        #expect(house.store.locations.isEmpty)
        #expect(house.store.quarantined.map(\.location) == [location])
        #expect(try await house.verify().faults.map(\.kind) == [.missingLayer])
        try await house.pushIfMissing(layer, to: "mine/app")
        #expect(try await house.verify().isClean)
    }

    @Test func aRepairOfCachedContentFetchesItAgain() async throws {
        let house = try await CollectionHouse()
        try await house.rule("ecr-public")
        try await house.cache(layer, as: "1")
        let location = try #require(house.location(layer))
        house.store.spoil(location) { $0.flip(at: $0.writerIndex - 9) }
        #expect(try await house.verify().isClean == false)
        let report = try await house.verify(repair: true)
        #expect(report.isClean)
        #expect(report.repaired == 1)
        #expect(house.store.locations.isEmpty)
        #expect(house.store.quarantined.map(\.location) == [location])
        #expect(try await house.read(location.digest, in: cached) == layer)
    }

    @Test func orphansAreToldAndRemoved() async throws {
        let house = try await pushed()
        let location = BlobLocation(scope: "plain-0", digest: Digest(of: [1]))
        house.store.put(noise(10), in: location)
        #expect(try await house.verify().faults.map(\.kind) == [.orphanFile])
        #expect(try await house.verify(repair: true).isClean)
        #expect(house.store.locations.count == 1)
        #expect(try await house.verify().faults.isEmpty)
    }

    @Test func garbageIsNoFault() async throws {
        let house = try await pushed()
        try await house.push(noise(10), to: "mine/app")
        _ = try await house.registry.repositories.delete(
            RepositoryName("mine/app"), in: house.id, images: .deletedToo)
        let report = try await house.verify()
        #expect(report.isClean)
        #expect(report.unheld == 2)
    }
}

extension ByteBuffer {
    /// Changes the byte to another value.
    mutating func flip(at index: Int) {
        setInteger(~(getInteger(at: index, as: UInt8.self) ?? 0), at: index)
    }
}
