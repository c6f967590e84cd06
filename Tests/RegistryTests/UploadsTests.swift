import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry

@Suite struct UploadsTests {
    private func house() async throws -> (TestRegistry, RepositoryName) {
        let house = try await TestRegistry()
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        return (house, name)
    }

    @Test("Blobs of every size around a segment come back whole", arguments: [0, 1, 65_535, 65_536, 65_537, 131_072, 700_001])
    func sizes(count: Int) async throws {
        let (house, _) = try await house()
        let blob = noise(count)
        let digest = try await house.push(blob, to: "mine/app")
        let served = try await house.blob(digest, "mine/app")
        #expect(served.size == Int64(count))
        #expect(try await served.wholeBody() == blob)
        if count > 10 { #expect(try await served.body.read(at: Int64(count) - 5, upTo: 100).readableBytes == 5) }
        #expect(house.stagedFiles.isEmpty)
    }

    @Test("The same without sealing", arguments: [0, 1, 65_536, 700_001])
    func plain(count: Int) async throws {
        let house = try await TestRegistry(sealing: .kmsOnly)
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        let digest = try await house.push(noise(count), to: "mine/app")
        let served = try await house.blob(digest, "mine/app")
        #expect(served.file != nil)
        #expect(try await served.wholeBody() == noise(count))
    }

    @Test func partsOfAnySizeAddUp() async throws {
        let (house, name) = try await house()
        let whole = noise(500_000)
        let upload = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller)
        var rest = whole
        for size in [1, 70_000, 3, 200_000, 65_536] {
            let at = Int64(whole.readableBytes - rest.readableBytes)
            guard let part = rest.readSlice(length: size) else { break }
            let status = try await house.registry.uploads.append(
                upload.id, in: name, of: house.id, at: at, body: Parts([part]))
            #expect(status.received == at + Int64(size))
        }
        let digest = Digest(of: whole.readableBytesView)
        let size = try await house.registry.uploads.finish(
            upload.id, in: name, of: house.id, digest: digest, body: Parts([rest]), at: nil)
        #expect(size == 500_000)
        #expect(try await house.bytes(digest, "mine/app") == whole)
    }

    @Test func sha512IsCheckedToo() async throws {
        let (house, name) = try await house()
        let blob = noise(200_000)
        let digest = Digest(of: blob.readableBytesView, .sha512)
        let upload = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller)
        _ = try await house.registry.uploads.finish(
            upload.id, in: name, of: house.id, digest: digest, body: Parts([blob]), at: nil)
        #expect(try await house.bytes(digest, "mine/app") == blob)
    }

    @Test func aWrongDigestStoresNothing() async throws {
        let (house, name) = try await house()
        let upload = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller)
        let wrong = Digest(of: [1, 2, 3])
        let refusal = await #expect(throws: Refusal.self) {
            try await house.registry.uploads.finish(
                upload.id, in: name, of: house.id, digest: wrong, body: Parts([noise(10)]), at: nil)
        }
        #expect(refusal?.reason == .digestInvalid)
        try await house.eventually { house.stagedFiles.isEmpty }
        await #expect(throws: Refusal.self) { try await house.bytes(wrong, "mine/app") }
    }

    @Test func aPartOutOfOrderIsRefusedAndLosesNothing() async throws {
        let (house, name) = try await house()
        let upload = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller)
        _ = try await house.registry.uploads.append(
            upload.id, in: name, of: house.id, at: 0, body: Parts([noise(10)]))
        let refusal = await #expect(throws: Refusal.self) {
            try await house.registry.uploads.append(
                upload.id, in: name, of: house.id, at: 5, body: Parts([noise(10)]))
        }
        #expect(refusal?.reason == .blobUploadOutOfOrder)
        #expect(try await house.registry.uploads.status(upload.id, in: name, of: house.id).received == 10)
    }

    @Test func aCancelledUploadIsUnknownAndLeavesNothing() async throws {
        let (house, name) = try await house()
        let upload = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller)
        try await house.registry.uploads.cancel(upload.id, in: name, of: house.id)
        await #expect(throws: Refusal.self) { try await house.registry.uploads.status(upload.id, in: name, of: house.id) }
        try await house.eventually { house.stagedFiles.isEmpty }
    }

    @Test func anUploadBelongsToItsRepository() async throws {
        let (house, name) = try await house()
        let other = try RepositoryName("other/app")
        _ = try await house.registry.repositories.create(other, in: house.id, settings: RepositorySettings())
        let upload = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller)
        await #expect(throws: Refusal.self) { try await house.registry.uploads.status(upload.id, in: other, of: house.id) }
    }
}

@Suite struct DeletedRepositoryTests {
    @Test func aPushIntoARepositoryThatIsDeletedMeanwhileIsRefusedAsSuch() async throws {
        let house = try await TestRegistry()
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        let upload = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller)
        _ = try await house.registry.repositories.delete(name, in: house.id, images: .deletedToo)
        let refusal = await #expect(throws: Refusal.self) {
            try await house.registry.uploads.finish(
                upload.id, in: name, of: house.id, digest: Digest(of: noise(10).readableBytesView),
                body: Parts([noise(10)]), at: nil)
        }
        #expect(refusal?.reason == .repositoryNotFound)
    }

    @Test func aFillWhoseRepositoryIsDeletedFailsAndTheNextPullMakesItAnew() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(200_000))
        house.upstream.holdBlobs(at: 100_000)
        _ = try await house.pull("1", "ecr-public/a/b")
        let client = Task { try await house.bytes(image.layer, "ecr-public/a/b") }
        try await house.upstream.untilHeld()
        _ = try await house.registry.repositories.delete(
            RepositoryName("ecr-public/a/b"), in: house.id, images: .deletedToo)
        house.upstream.release()
        await #expect(throws: (any Error).self) { try await client.value }
        _ = try await house.pull("1", "ecr-public/a/b")
        #expect(try await house.bytes(image.layer, "ecr-public/a/b") == noise(200_000))
    }
}
