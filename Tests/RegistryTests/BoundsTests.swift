import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry

/// Bounds on documents, and on numbers that clients and upstream invent.
@Suite struct BoundsTests {
    private func house() async throws -> (TestRegistry, RepositoryName) {
        let house = try await TestRegistry()
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        return (house, name)
    }

    private func put(_ text: String, _ house: TestRegistry, _ name: RepositoryName, tag: String? = nil) async throws -> Digest {
        try await house.registry.images.put(
            ByteBuffer(string: text), contentType: nil, as: try tag.map { .tag(try Tag($0)) }, in: name, of: house.id
        ).digest
    }

    private func refusal(_ text: String, _ house: TestRegistry, _ name: RepositoryName) async -> Refusal? {
        await #expect(throws: Refusal.self) { try await self.put(text, house, name) }
    }

    // MARK: Numbers

    @Test func trafficStaysAtTheLargestNumber() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(100))
        _ = try await house.pull("1", "ecr-public/a/b")
        let blob = try await house.blob(image.layer, "ecr-public/a/b")
        for _ in 0..<3 { blob.note(.max) }
        let status = try await house.registry.cacheRules.status(
            of: Prefix("ecr-public", lengths: CacheRule.prefixLengths), in: house.id)
        #expect(status.traffic.bytesOut == .max)
    }

    @Test("Sizes that upstream makes up are no image, and warming it fails", arguments: [Int64(1) << 62, .max, (1 << 53) + 1])
    func sizesOfUpstream(size: Int64) async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let layers = (0..<2).map { #"{"mediaType":"a/b","digest":"\#(Digest(of: [UInt8($0)]))","size":\#(size)}"# }.joined(
            separator: ",")
        let text =
            #"{"mediaType":"\#(MediaType.ociManifest)","config":{"digest":"\#(Digest(of: [9]))","size":1},"layers":[\#(layers)]}"#
        house.upstream.add(manifest: ByteBuffer(string: text), to: "a/b", tags: ["1"])
        let job = try house.registry.pulls.warmups.begin(
            [WarmImage(name: try RepositoryName("ecr-public/a/b"), reference: .tag(try Tag("1")))], in: house.id,
            for: house.caller)
        try await house.eventually { house.registry.pulls.warmups.job(job.id, in: house.id)?.isFinished == true }
        #expect(house.registry.pulls.warmups.job(job.id, in: house.id)?.images.first?.state == .failed)
    }

    @Test("Parts at the edges", arguments: [(0, Int64.max), (.min, .max), (.max, .max), (0, -1), (0, .min)] as [(Int64, Int64)])
    func parts(first: Int64, last: Int64) async throws {
        let (house, name) = try await house()
        let upload = try await house.registry.uploads.begin(in: name, of: house.id, for: house.caller)
        await #expect(throws: Refusal.self) {
            try await house.registry.uploads.appendPart(
                ByteBuffer(string: "x"), first: first, last: last, to: upload.id, in: name, of: house.id)
        }
    }

    // MARK: Manifests

    @Test func tensOfThousandsOfLayersAreRefusedBeforeTheyAreLookedUp() async throws {
        let (house, name) = try await house()
        let layers = (0..<20_000).map { (Digest(of: [UInt8($0 >> 8), UInt8($0 & 255)]), 1) }
        let refusal = await refusal(Manifests.image(config: Digest(of: [1]), size: 1, layers: layers), house, name)
        #expect(refusal?.reason == .manifestOutOfBounds)
        #expect(refusal?.message.contains("20000 layers") == true && (refusal?.message.utf8.count ?? 0) < 1_000)
    }

    @Test func aThousandMissingLayersAreToldInFewWords() async throws {
        let (house, name) = try await house()
        let layers = (0..<999).map { (Digest(of: [UInt8($0 >> 8), UInt8($0 & 255)]), 1) }
        let refusal = await refusal(Manifests.image(config: Digest(of: [1]), size: 1, layers: layers), house, name)
        #expect(refusal?.reason == .layersNotFound)
        #expect(refusal?.message.contains("and 990 more") == true && (refusal?.message.utf8.count ?? 0) < 2_000)
        let children = await self.refusal(Manifests.index(layers), house, name)
        #expect(children?.reason == .referencedImagesNotFound && children?.message.contains("and 989 more") == true)
    }

    @Test func hundredsOfLayersThatAreHereAreTaken() async throws {
        let (house, name) = try await house()
        var layers: [(Digest, Int)] = []
        for number in 0..<150 { layers.append((try await house.push(noise(10, seed: UInt64(number)), to: "mine/app"), 10)) }
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        // Layers that are named twice alike count once.
        _ = try await put(Manifests.image(config: config, size: 2, layers: layers + layers), house, name, tag: "1")
        #expect(try await house.pull("1", "mine/app").bytes.readableBytes > 10_000)
        layers[7].1 = 11
        let refusal = await refusal(Manifests.image(config: config, size: 2, layers: layers), house, name)
        #expect(refusal?.reason == .manifestInvalid && refusal?.message.contains("\(layers[7].0)") == true)
    }

    @Test func listsInListsEnd() async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        var text = Manifests.image(config: config, size: 2)
        // An image and four lists around it.
        for level in 1...5 {
            let digest = try await put(text, house, name)
            if level < 5 {
                text = Manifests.index([(digest, text.utf8.count)])
            } else {
                let refusal = await refusal(Manifests.index([(digest, text.utf8.count)]), house, name)
                #expect(refusal?.reason == .manifestOutOfBounds && refusal?.message.contains("lists in each other") == true)
            }
        }
    }

    @Test("Types that a table and a header cannot hold", arguments: ["a\\u0000b/c", "text", "a/b\\nX-Y: z", "ab cd/e"])
    func types(type: String) async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let named = #""config":{"mediaType":"a/b","digest":"\#(config)","size":2},"layers":[]"#
        for text in [
            #"{"mediaType":"\#(type)",\#(named)}"#,
            #"{"mediaType":"\#(MediaType.ociManifest)","artifactType":"\#(type)",\#(named)}"#,
            #"{"mediaType":"\#(MediaType.ociManifest)","config":{"mediaType":"\#(type)","digest":"\#(config)","size":2},"layers":[]}"#,
        ] {
            #expect(await refusal(text, house, name)?.reason == .manifestOutOfBounds, "\(text)")
            // A pull of the same bytes from upstream keeps the type, or is refused as upstream's fault.
            let pulled = try await TestRegistry()
            try await pulled.rule()
            pulled.upstream.add(manifest: ByteBuffer(string: text), mediaType: nil, to: "a/b", tags: ["1"])
            do { _ = try await pulled.pull("1", "ecr-public/a/b") } catch let refusal as Refusal {
                #expect(refusal.reason == .upstreamInvalid)
            }
        }
    }

    // MARK: Answers

    @Test("What is asked for twice is answered once, and what does not fit fails", arguments: [false, true])
    func batches(isCached: Bool) async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let pad = String(repeating: "x", count: 3_900_000)
        var digests: [String] = []
        for number in 0..<6 {
            let text = Manifests.image(config: config, size: 2).dropLast() + #","pad":"\#(number)\#(pad)"}"#
            digests.append(try await put(String(text), house, name).description)
        }
        let ids = digests.map { ImageIDRequest(digest: $0, tag: nil) }
        // A rule that covers the repository makes the call take another path.
        if isCached { try await house.rule("mine") }
        let pulls = house.registry.pulls
        let once = try await pulls.manifests.batchGet(
            Array(repeating: ids[0], count: 100), in: name, of: house.id, for: house.caller)
        #expect(once.images.count == 1 && once.failures.isEmpty)
        let many = try await pulls.manifests.batchGet(ids + ids, in: name, of: house.id, for: house.caller)
        #expect(many.images.count == 4 && many.failures.count == 2)
        #expect(many.failures.allSatisfy { $0.code == .imageInaccessible && $0.reason.contains("fewer") })
    }

    @Test func aPageOfReferrersEndsBeforeTooMuchIsOpened() async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let subject = Digest(of: [7])
        let pad = String(repeating: "x", count: 3_900_000)
        for number in 0..<7 {
            let text = Manifests.image(config: config, size: 2, subject: subject).dropLast() + #","pad":"\#(number)\#(pad)"}"#
            _ = try await put(String(text), house, name)
        }
        var seen: [Digest] = []
        var cursor: String?
        var pages = 0
        repeat {
            let page = try await house.registry.referrers.list(
                of: subject, in: name, of: house.id, for: house.caller, after: cursor, limit: 1_000)
            seen += page.referrers.map(\.digest)
            cursor = page.next
            pages += 1
        } while cursor != nil && pages < 20
        #expect(Set(seen).count == 7 && seen.count == 7 && pages == 2)
    }

    @Test func asManyWarmingsAsMayBe() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        house.upstream.hold(.manifest)
        let image = WarmImage(name: try RepositoryName("ecr-public/a/b"), reference: .tag(try Tag("1")))
        for _ in 0..<16 { _ = try house.registry.pulls.warmups.begin([image], in: house.id, for: house.caller) }
        let refusal = #expect(throws: Refusal.self) {
            try house.registry.pulls.warmups.begin([image], in: house.id, for: house.caller)
        }
        #expect(refusal?.reason == .throttled)
        house.upstream.release()
    }
}
