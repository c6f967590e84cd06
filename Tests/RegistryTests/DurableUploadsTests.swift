import ConformanceSuites
import NIOCore
import Testing
import WeirApplication
import WeirCore
import WeirRegistry
import WeirStorage

@Suite struct DurableUploadsTests {
    private func house(
        sealing: Blobs.Sealing = .all, _ settings: Uploads.Settings = .init()
    ) async throws -> (TestRegistry, RepositoryName) {
        let house = try await TestRegistry(sealing: sealing, uploads: settings)
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        return (house, name)
    }

    @Test("An upload goes on after a restart", arguments: [1, 65_536, 65_537, 300_000], Blobs.Sealing.allCases)
    func restart(first: Int, sealing: Blobs.Sealing) async throws {
        let (house, name) = try await house(sealing: sealing)
        let whole = noise(500_000)
        let id = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller).id
        let begun = try await house.restarted()
        #expect(try await begun.uploads.status(id, in: name, of: house.id).received == 0)
        _ = try await begun.uploads.append(
            id, in: name, of: house.id, at: 0, body: Parts([try #require(whole.getSlice(at: 0, length: first))]))

        let again = try await house.restarted()
        #expect(try await again.uploads.status(id, in: name, of: house.id).received == Int64(first))
        let middle = try #require(whole.getSlice(at: first, length: 100_000))
        _ = try await again.uploads.append(id, in: name, of: house.id, at: Int64(first), body: Parts([middle]))

        let last = try await house.restarted()
        let rest = try #require(whole.getSlice(at: first + 100_000, length: 400_000 - first))
        let digest = Digest(of: whole.readableBytesView)
        let size = try await last.uploads.finish(
            id, in: name, of: house.id, digest: digest, body: Parts([rest]), at: nil)
        #expect(size == 500_000)
        #expect(try await house.bytes(digest, "mine/app") == whole)
        try await house.eventually { house.stagedFiles.isEmpty }
    }

    @Test func anUploadThatWasFinishedIsNotThereAfterARestart() async throws {
        let (house, name) = try await house()
        let id = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller).id
        _ = try await house.registry.uploads.append(id, in: name, of: house.id, at: nil, body: Parts([noise(100_000)]))
        _ = try await house.registry.uploads.finish(
            id, in: name, of: house.id, digest: Digest(of: noise(100_000).readableBytesView), body: nil, at: nil)
        let again = try await house.restarted()
        let refusal = await #expect(throws: Refusal.self) {
            try await again.uploads.status(id, in: name, of: house.id)
        }
        #expect(refusal?.reason == .blobUploadUnknown)
    }

    @Test func aStartClearsWhatNoUploadHasAndForgetsUploadsWithoutBytes() async throws {
        let (house, name) = try await house()
        let kept = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller).id
        let lost = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller).id
        _ = try await house.registry.uploads.append(kept, in: name, of: house.id, at: nil, body: Parts([noise(10)]))
        let before = Set(house.stagedFiles)
        _ = try await house.registry.uploads.append(lost, in: name, of: house.id, at: nil, body: Parts([noise(20)]))
        for file in house.stagedFiles where !before.contains(file) { try house.store.discardStaged(file) }
        let stray = try house.store.stage()
        let again = house.application.rebuilt().registry
        #expect(try await again.uploads.restore() == 1)
        #expect(Set(house.stagedFiles) == before)
        #expect(try await again.uploads.status(kept, in: name, of: house.id).received == 10)
        await #expect(throws: Refusal.self) { try await again.uploads.status(lost, in: name, of: house.id) }
        withExtendedLifetime(stray) {}
    }

    @Test func damagedStagedBytesEndTheUploadAndNeverReachABlob() async throws {
        let (house, name) = try await house()
        let id = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller).id
        _ = try await house.registry.uploads.append(id, in: name, of: house.id, at: nil, body: Parts([noise(200_000)]))
        let file = try #require(house.stagedFiles.first)
        try house.flipByte(inFile: "\(house.folder)/staging/\(file)", at: 100_000)
        let again = try await house.restarted()
        let refusal = await #expect(throws: Refusal.self) {
            try await again.uploads.append(id, in: name, of: house.id, at: nil, body: Parts([noise(1)]))
        }
        #expect(refusal?.reason == .blobUploadUnknown)
        try await house.eventually { house.stagedFiles.isEmpty }
    }

    @Test func anAbandonedUploadIsGoneWhenItsWindowIsOver() async throws {
        let (house, name) = try await house(Uploads.Settings(window: .seconds(3_600)))
        let uploads = house.registry.uploads
        let live = try await uploads.begin(in: name, of: house.id, for: house.caller).id
        let empty = try await uploads.begin(in: name, of: house.id, for: house.caller).id
        _ = try await uploads.append(live, in: name, of: house.id, at: nil, body: Parts([noise(100_000)]))
        house.pass(.seconds(3_000))
        let young = try await uploads.begin(in: name, of: house.id, for: house.caller).id
        _ = try await uploads.append(young, in: name, of: house.id, at: nil, body: Parts([noise(5)]))
        try await uploads.sweep()
        #expect(try await uploads.status(live, in: name, of: house.id).received == 100_000)
        house.pass(.seconds(601))
        // An upload that is on disk alone ends in the same way.
        let again = try await house.restarted()
        try await again.uploads.sweep()
        for id in [live, empty] {
            await #expect(throws: Refusal.self) { try await again.uploads.status(id, in: name, of: house.id) }
        }
        #expect(try await again.uploads.status(young, in: name, of: house.id).received == 5)
        try await house.eventually { house.stagedFiles.count == 1 }
    }

    @Test func theUploadsOfADeletedRepositoryAreSwept() async throws {
        let (house, name) = try await house()
        let id = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller).id
        _ = try await house.registry.uploads.append(id, in: name, of: house.id, at: nil, body: Parts([noise(100_000)]))
        _ = try await house.registry.repositories.delete(name, in: house.id, images: .deletedToo)
        try await house.registry.uploads.sweep()
        try await house.eventually { house.stagedFiles.isEmpty }
    }

    @Test func manyOpenUploadsAreRefusedAtTheirLimitAndPutAwayBeforeIt() async throws {
        let (house, name) = try await house(Uploads.Settings(perRegistry: 40, inMemory: 10, warm: 4))
        let uploads = house.registry.uploads
        var ids: [String] = []
        for number in 0..<40 {
            let id = try await uploads.begin(in: name, of: house.id, for: house.caller).id
            _ = try await uploads.append(id, in: name, of: house.id, at: 0, body: Parts([noise(70_000, seed: UInt64(number))]))
            ids.append(id)
        }
        let refusal = await #expect(throws: Refusal.self) { try await uploads.begin(in: name, of: house.id, for: house.caller) }
        #expect(refusal?.reason == .throttled)
        // Unloaded uploads go on as before.
        for (number, id) in ids.enumerated() {
            let blob = noise(70_000, seed: UInt64(number))
            _ = try await uploads.finish(
                id, in: name, of: house.id, digest: Digest(of: blob.readableBytesView), body: nil, at: nil)
        }
        try await house.eventually { house.stagedFiles.isEmpty }
        _ = try await uploads.begin(in: name, of: house.id, for: house.caller)
    }

    @Test func oneRepositorysShareLeavesTheOthersTheirs() async throws {
        let (house, name) = try await house(Uploads.Settings(perRegistry: 100, perRepository: 3))
        let other = try RepositoryName("mine/other")
        _ = try await house.registry.repositories.create(other, in: house.id, settings: RepositorySettings())
        let uploads = house.registry.uploads
        for _ in 0..<3 { _ = try await uploads.begin(in: name, of: house.id, for: house.caller) }
        let refusal = await #expect(throws: Refusal.self) { try await uploads.begin(in: name, of: house.id, for: house.caller) }
        #expect(refusal?.reason == .throttled && refusal?.message.contains("'\(name)'") == true && refusal?.retryAfter != nil)
        _ = try await uploads.begin(in: other, of: house.id, for: house.caller)
    }

    @Test func anotherAccountsShareIsSmaller() async throws {
        let (house, name) = try await house(Uploads.Settings(perRegistry: 100, perCaller: 5, perForeigner: 2))
        let uploads = house.registry.uploads
        let stranger = Caller.root(of: try AccountID("444455556666"))
        for _ in 0..<2 { _ = try await uploads.begin(in: name, of: house.id, for: stranger) }
        let refusal = await #expect(throws: Refusal.self) { try await uploads.begin(in: name, of: house.id, for: stranger) }
        #expect(refusal?.reason == .throttled && refusal?.message.contains("this caller") == true)
        for _ in 0..<5 { _ = try await uploads.begin(in: name, of: house.id, for: house.caller) }
        let own = await #expect(throws: Refusal.self) { try await uploads.begin(in: name, of: house.id, for: house.caller) }
        #expect(own?.reason == .throttled)
    }

    @Test func anUploadOfNothingIsGivenUpSoon() async throws {
        let (house, name) = try await house()
        let uploads = house.registry.uploads
        let empty = try await uploads.begin(in: name, of: house.id, for: house.caller).id
        let begun = try await uploads.begin(in: name, of: house.id, for: house.caller).id
        _ = try await uploads.append(begun, in: name, of: house.id, at: 0, body: Parts([noise(10)]))
        house.pass(.seconds(590))
        try await uploads.sweep()
        #expect(try await uploads.status(empty, in: name, of: house.id).received == 0)
        house.pass(.seconds(20))
        try await uploads.sweep()
        await #expect(throws: Refusal.self) { try await uploads.status(empty, in: name, of: house.id) }
        #expect(try await uploads.status(begun, in: name, of: house.id).received == 10)
    }

    @Test func whoIsRefusedGetsTheRoomOfWhatIsGivenUp() async throws {
        let (house, name) = try await house(Uploads.Settings(perRegistry: 4))
        let uploads = house.registry.uploads
        for _ in 0..<4 { _ = try await uploads.begin(in: name, of: house.id, for: house.caller) }
        house.pass(.seconds(700))
        _ = try await uploads.begin(in: name, of: house.id, for: house.caller)
    }

    @Test func aBodyThatBreaksOffCountsAlsoAfterARestart() async throws {
        struct Broken: AsyncSequence, Sendable {
            struct Gone: Error {}
            struct AsyncIterator: AsyncIteratorProtocol {
                var isFirst = true
                mutating func next() async throws -> ByteBuffer? {
                    guard isFirst else { throw Gone() }
                    isFirst = false
                    return noise(80_000)
                }
            }
            func makeAsyncIterator() -> AsyncIterator { AsyncIterator() }
        }
        let (house, name) = try await house()
        let id = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller).id
        await #expect(throws: Broken.Gone.self) {
            try await house.registry.uploads.append(id, in: name, of: house.id, at: 0, body: Broken())
        }
        let again = try await house.restarted()
        #expect(try await again.uploads.status(id, in: name, of: house.id).received == 80_000)
    }
}

@Suite struct LayerPartsTests {
    private static let mib = 1_048_576

    private func house() async throws -> (TestRegistry, RepositoryName, String) {
        let house = try await TestRegistry()
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        return (house, name, try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller).id)
    }

    private func part(
        _ house: TestRegistry, _ name: RepositoryName, _ id: String, _ bytes: ByteBuffer, at first: Int
    ) async throws -> Int64 {
        try await house.registry.uploads.appendPart(
            bytes, first: Int64(first), last: Int64(first + bytes.readableBytes - 1), to: id, in: name, of: house.id)
    }

    @Test func partsAddUpToALayer() async throws {
        let (house, name, id) = try await house()
        let (first, second) = (noise(5 * Self.mib), noise(1_000, seed: 2))
        #expect(try await part(house, name, id, first, at: 0) == Int64(5 * Self.mib - 1))
        #expect(try await part(house, name, id, second, at: 5 * Self.mib) == Int64(5 * Self.mib + 999))
        let whole = first + second
        let digest = Digest(of: whole.readableBytesView)
        #expect(try await house.registry.uploads.complete(id, in: name, of: house.id, digests: [digest]) == digest)
        #expect(try await house.bytes(digest, "mine/app") == whole)
    }

    @Test func aGapIsRefusedWithWhereToGoOn() async throws {
        let (house, name, id) = try await house()
        _ = try await part(house, name, id, noise(5 * Self.mib), at: 0)
        for first in [0, 5 * Self.mib - 1, 5 * Self.mib + 1] {
            let refusal = await #expect(throws: Refusal.self) { try await part(house, name, id, noise(10), at: first) }
            #expect(refusal?.reason == .blobUploadOutOfOrder)
            #expect(refusal?.facts["upload.last_byte"] == "\(5 * Self.mib - 1)")
        }
        let wrongLength = await #expect(throws: Refusal.self) {
            try await house.registry.uploads.appendPart(
                noise(10), first: Int64(5 * Self.mib), last: Int64(5 * Self.mib + 10), to: id, in: name, of: house.id)
        }
        #expect(wrongLength?.reason == .blobUploadOutOfOrder)
    }

    @Test func aSmallPartThatIsNotTheLastIsToldAtTheEnd() async throws {
        let (house, name, id) = try await house()
        _ = try await part(house, name, id, noise(1_000), at: 0)
        _ = try await part(house, name, id, noise(1_000), at: 1_000)
        // So does a server that has been restarted meanwhile.
        let again = try await house.restarted()
        let refusal = await #expect(throws: Refusal.self) {
            try await again.uploads.complete(id, in: name, of: house.id, digests: [Digest(of: [1])])
        }
        #expect(refusal?.reason == .layerPartTooSmall)
    }

    @Test func emptyWrongAndKnownLayersAreToldApart() async throws {
        let (house, name, id) = try await house()
        let uploads = house.registry.uploads
        let empty = await #expect(throws: Refusal.self) {
            try await uploads.complete(id, in: name, of: house.id, digests: [Digest(of: [])])
        }
        #expect(empty?.reason == .emptyUpload)
        _ = try await part(house, name, id, noise(100), at: 0)
        let wrong = await #expect(throws: Refusal.self) {
            try await uploads.complete(id, in: name, of: house.id, digests: [Digest(of: [1])])
        }
        #expect(wrong?.reason == .digestInvalid)
        let digest = try await house.push(noise(100), to: "mine/app")
        let second = try await uploads.begin(in: name, of: house.id, for: house.caller).id
        _ = try await part(house, name, second, noise(100), at: 0)
        let known = await #expect(throws: Refusal.self) {
            try await uploads.complete(second, in: name, of: house.id, digests: [digest])
        }
        #expect(known?.reason == .layerAlreadyExists)
        try await house.eventually { house.stagedFiles.isEmpty }
    }
}

extension ByteBuffer {
    fileprivate static func + (left: ByteBuffer, right: ByteBuffer) -> ByteBuffer {
        var whole = left
        whole.writeImmutableBuffer(right)
        return whole
    }
}
