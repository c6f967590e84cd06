import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry

/// What readers of the same blob at the same time share.
@Suite struct SharedReadingTests {
    private func stored(_ layer: ByteBuffer) async throws -> (TestRegistry, Digest) {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: layer)
        _ = try await house.pull("1", "ecr-public/a/b")
        _ = try await house.bytes(image.layer, "ecr-public/a/b")
        try await house.eventually { house.stagedFiles.isEmpty }
        return (house, image.layer)
    }

    @Test(
        "Readers side by side, each at its own pace and in its own steps, all get the blob",
        arguments: [1, 65_536, 65_537, 300_000, 1_500_000])
    func readersSideBySide(size: Int) async throws {
        let layer = noise(size)
        let (house, digest) = try await stored(layer)
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            for step in [10_000, 65_536, 100_000, 131_072, 524_288, 524_288, 524_288] {
                group.addTask { try await house.blob(digest, "ecr-public/a/b").wholeBody(step: max(step, size / 50)) }
            }
            for try await whole in group { #expect(whole == layer) }
        }
    }

    @Test func readersOfATransferShareWhatHasLanded() async throws {
        let layer = noise(3_000_000)
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: layer)
        house.upstream.holdBlobs(at: 1_500_000)
        _ = try await house.pull("1", "ecr-public/a/b")
        try await house.upstream.untilHeld()
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            for step in [65_536, 131_072, 131_072, 524_288, 524_288] {
                group.addTask { try await house.blob(image.layer, "ecr-public/a/b").wholeBody(step: step) }
            }
            house.upstream.release()
            for try await whole in group { #expect(whole == layer) }
        }
    }

    @Test func theFirstBytesAreGivenOutBeforeASegmentIsFull() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let layer = noise(200_000)
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: layer)
        house.upstream.send(chunksOf: 1_000)
        house.upstream.holdBlobs(at: 5_000)
        _ = try await house.pull("1", "ecr-public/a/b")
        let blob = try await house.blob(image.layer, "ecr-public/a/b")
        // Upstream is held: nothing has landed.
        var first = ByteBuffer()
        while first.readableBytes < 4_000 {
            var part = try await blob.body.read(at: Int64(first.readableBytes), upTo: 100_000)
            #expect(part.readableBytes > 0)
            first.writeBuffer(&part)
        }
        #expect(first == layer.getSlice(at: 0, length: first.readableBytes))
        house.upstream.release()
        #expect(try await blob.wholeBody() == layer)
    }

    @Test(
        "A blob of one segment is given out when it is verified, and not before", arguments: [10, 60_000, 65_536])
    func smallBlobsAreVerifiedFirst(size: Int) async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(size))
        house.upstream.spoil(image.layer, .wrongByte(at: Int64(size - 1)))
        _ = try await house.pull("1", "ecr-public/a/b")
        await #expect(throws: (any Error).self) {
            try await house.blob(image.layer, "ecr-public/a/b").body.read(at: 0, upTo: 1_000)
        }
    }

    @Test func whatIsReadFromMemoryEndsWithTheBlob() async throws {
        let layer = noise(400_000)
        let (house, digest) = try await stored(layer)
        let name = try RepositoryName("ecr-public/a/b")
        #expect(try await house.bytes(digest, "ecr-public/a/b") == layer)
        _ = try await house.registry.repositories.delete(name, in: house.id, images: .deletedToo)
        await #expect(throws: Refusal.self) { try await house.blob(digest, "ecr-public/a/b") }
    }

    // MARK: Parts

    @Test func allReadersHaveTheSameParts() {
        let size: Int64 = 1_000_000
        for count in [65_536, 131_072, 524_288] {
            let offsets: [Int64] = [0, 1, 65_535, 65_536, 500_000, size - 1]
            for offset in offsets {
                let part = OpenedParts.range(around: offset, upTo: count, readable: size, isWhole: true)
                #expect(part?.contains(offset) == true)
                #expect(part.map { $0.lowerBound % Int64(count) } == 0)
                #expect(part.map { $0.count == count || $0.upperBound == size } == true)
            }
        }
        // Less than a segment cannot be opened, and what has not landed cannot be read.
        #expect(OpenedParts.range(around: 70_000, upTo: 10, readable: size, isWhole: true) == 65_536..<131_072)
        #expect(OpenedParts.range(around: 0, upTo: 131_072, readable: 131_071, isWhole: false) == nil)
        #expect(OpenedParts.range(around: 0, upTo: 131_072, readable: 131_072, isWhole: false) == 0..<131_072)
    }

    @Test func theOldestPartsGoFirst() {
        let parts = OpenedParts()
        let part = ByteBuffer(repeating: 7, count: 1 << 20)
        for number in 0..<5 { parts.keep(part, from: Int64(number) << 20) }
        #expect(parts.part(at: 0, upTo: 100) == nil)
        #expect(parts.part(at: (2 << 20) - 1, upTo: 100)?.readableBytes == 1)
        #expect(parts.part(at: 4 << 20, upTo: 100)?.readableBytes == 100)
        parts.clear()
        #expect(parts.part(at: 4 << 20, upTo: 100) == nil)
    }
}
