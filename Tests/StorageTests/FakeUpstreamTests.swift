import ConformanceSuites
import NIOCore
import Testing
import WeirCore

/// The fake is trusted by other tests, so it is tested itself.
@Suite struct FakeUpstreamTests {
    private let upstream = FakeUpstream()
    private var source: UpstreamSource {
        UpstreamSource(host: upstream.host, repository: "library/nginx", credential: nil, owner: "rule")
    }

    private func collect(_ blob: UpstreamBlob) async throws -> ByteBuffer {
        var all = ByteBuffer()
        for try await part in blob.body { all.writeImmutableBuffer(part) }
        return all
    }

    @Test func itServesWhatItHoldsAndCounts() async throws {
        let image = upstream.addImage(to: "library/nginx", tags: ["latest"], layer: pattern(100_000))
        let tag = try Reference("latest")
        #expect(try await upstream.resolve(tag, in: source).digest == image.manifest)
        let manifest = try await upstream.manifest(tag, in: source)
        #expect(try Manifest(manifest.bytes, contentType: manifest.mediaType).digest == image.manifest)
        let blob = try await upstream.blob(image.layer, from: 60_000, in: source)
        #expect(blob.size == 100_000 && blob.offset == 60_000)
        #expect(try await collect(blob) == pattern(40_000, at: 60_000))
        #expect(try await upstream.blobSize(image.layer, in: source) == 100_000)
        let asked: [FakeUpstream.Kind] = [.resolve, .manifest, .blob, .blobSize]
        #expect(asked.map(upstream.count) == [1, 1, 1, 1] && upstream.requests.count == 4)
        #expect(upstream.offsets(of: image.layer) == [60_000])
        let error = await #expect(throws: UpstreamError.self) { try await upstream.resolve(try Reference("no"), in: source) }
        #expect(error?.kind == .notFound)
    }

    @Test func itMisbehavesAsTold() async throws {
        let digest = upstream.add(blob: pattern(1000), to: "library/nginx")
        let get = { try await collect(try await upstream.blob(digest, from: 0, in: source)) }
        upstream.spoil(digest, .tooFew(10))
        #expect(try await get() == pattern(990))
        upstream.spoil(digest, .tooMany(10))
        #expect(try await get().readableBytes == 1010)
        upstream.spoil(digest, .wrongByte(at: 500))
        #expect(try await get() != pattern(1000))
        upstream.spoil(digest, .breaksOnce(at: 100))
        await #expect(throws: UpstreamError.self) { try await get() }
        #expect(try await get() == pattern(1000))
        upstream.fail(.rateLimited, on: [.blob], times: 2)
        for _ in 0..<2 { await #expect(throws: UpstreamError.self) { try await get() } }
        #expect(try await get() == pattern(1000))
        upstream.ignoreRanges()
        #expect(try await upstream.blob(digest, from: 500, in: source).offset == 0)
    }

    @Test func itWaitsWhereItIsHeld() async throws {
        let digest = upstream.add(blob: pattern(100_000), to: "library/nginx")
        upstream.holdBlobs(at: 50_000)
        let seen = Seen()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for try await part in try await upstream.blob(digest, from: 0, in: source).body {
                    await seen.add(part.readableBytes)
                }
            }
            try await upstream.untilHeld()
            #expect(await seen.bytes == 50_000)
            upstream.holdBlobs(at: 50_001)
            try await upstream.untilHeld()
            #expect(await seen.bytes == 50_001)
            upstream.release()
            try await group.waitForAll()
        }
        #expect(await seen.bytes == 100_000)
        upstream.hold(.resolve)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { _ = try? await upstream.resolve(try Reference("latest"), in: source) } }
            try await upstream.untilHeld(3)
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(upstream.count(.resolve) == 3)
    }

    private actor Seen {
        var bytes = 0
        func add(_ count: Int) { bytes += count }
    }
}
