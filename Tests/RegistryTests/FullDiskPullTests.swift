import ConformanceSuites
import NIOCore
import Synchronization
import Testing
import WeirApplication
import WeirCore
import WeirRegistry

/// Pulls and pushes where there is no room to store anything.
@Suite struct FullDiskPullTests {
    /// A volume that is full when a test says so.
    private final class Room: StoreRoom {
        let isFull = Mutex(true)
        func check(for bytes: Int64) throws(BlobStoreError) {
            if isFull.withLock({ $0 }) { throw .full("test") }
        }
        var shortage: Int64 { isFull.withLock { $0 ? 1 : 0 } }
        func missed(_ bytes: Int64) {}
        func makeRoomForRows() {}
        func restoreBallast() {}
    }

    private func full(_ test: TestRegistry) -> (Registry, Room) {
        let room = Room()
        return (test.application.rebuilt { _, ports in ports.room = room }.registry, room)
    }

    private func read(_ blob: ServedBlob, from offset: Int64 = 0, step: Int = 7_001) async throws -> ByteBuffer {
        var whole = ByteBuffer()
        while true {
            var part = try await blob.body.read(at: offset + Int64(whole.readableBytes), upTo: step)
            if part.readableBytes == 0 { return whole }
            whole.writeBuffer(&part)
        }
    }

    @Test("What cannot be stored passes through, whole and in part", arguments: [1, 65_535, 65_536, 65_537, 300_000])
    func passes(size: Int) async throws {
        let test = try await TestRegistry()
        try await test.rule()
        let (registry, _) = full(test)
        let layer = noise(size)
        let manifest = test.upstream.addImage(to: "team/app", tags: ["1"], layer: layer).manifest
        let name = try RepositoryName("ecr-public/team/app")
        let served = try await registry.pulls.manifests.pull(Reference("1"), in: name, of: test.id, for: test.caller)
        #expect(served.digest == manifest)
        let digest = Digest(of: layer.readableBytesView)
        for _ in 0..<2 {
            let blob = try await registry.pulls.blobs.pull(digest, in: name, of: test.id, for: test.caller)
            #expect(blob.size == Int64(size))
            #expect(try await read(blob) == layer)
        }
        let blob = try await registry.pulls.blobs.pull(digest, in: name, of: test.id, for: test.caller)
        let middle = Int64(size / 2)
        #expect(try await read(blob, from: middle) == layer.getSlice(at: Int(middle), length: size - Int(middle)))
        // Reading what has passed makes the transfer begin again.
        #expect(try await read(blob) == layer)
        #expect(test.stagedFiles.isEmpty)
    }

    @Test(
        "What is wrong cannot be finished unstored either",
        arguments: [
            FakeUpstream.Flaw.wrongByte(at: 5), .wrongByte(at: 299_999), .tooFew(1), .tooMany(1), .breaks(at: 200_000),
        ])
    func wrong(flaw: FakeUpstream.Flaw) async throws {
        let test = try await TestRegistry()
        try await test.rule()
        let (registry, _) = full(test)
        let layer = noise(300_000)
        let digest = test.upstream.addImage(to: "team/app", tags: ["1"], layer: layer).layer
        let name = try RepositoryName("ecr-public/team/app")
        _ = try await registry.pulls.manifests.pull(Reference("1"), in: name, of: test.id, for: test.caller)
        test.upstream.spoil(digest, flaw)
        await #expect(throws: (any Error).self) {
            let blob = try await registry.pulls.blobs.pull(digest, in: name, of: test.id, for: test.caller)
            _ = try await read(blob)
        }
    }

    @Test func pushesAreRefusedAndGoOnWhenThereIsRoom() async throws {
        let test = try await TestRegistry()
        let (registry, room) = full(test)
        let name = try RepositoryName("team/app")
        _ = try await registry.repositories.create(name, in: test.id, settings: RepositorySettings())
        let refusal = await #expect(throws: Refusal.self) {
            _ = try await registry.uploads.begin(in: name, of: test.id, for: test.caller)
        }
        #expect(refusal?.reason == .storageFull)
        #expect(throws: Refusal.self) { try registry.uploads.checkRoom(for: 5) }
        room.isFull.withLock { $0 = false }
        let layer = noise(1_000)
        let upload = try await registry.uploads.begin(in: name, of: test.id, for: test.caller)
        _ = try await registry.uploads.finish(
            upload.id, in: name, of: test.id, digest: Digest(of: layer.readableBytesView), body: Parts([layer]), at: nil)
    }
}
