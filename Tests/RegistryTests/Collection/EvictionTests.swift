import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry

/// The size cap on content that upstream can give again.
@Suite struct EvictionTests {
    private func layer(_ number: Int) -> ByteBuffer { noise(10_000, seed: UInt64(number)) }
    private let name = "ecr-public/nginx/nginx"

    @Test func whatWasLongestNotPulledGivesWay() async throws {
        let house = try await CollectionHouse(cacheSize: 50_000)
        try await house.rule("ecr-public")
        for number in 0..<8 {
            try await house.cache(layer(number), as: "\(number)")
            house.pass(.seconds(60))
        }
        // The first is pulled again, so it is not among those whose last pull is longest ago.
        try await house.pull("0", name)
        await house.registry.pullTimes.flush()
        let report = try await house.collect()
        #expect(report.cached.bytes <= 45_000)
        #expect(report.evicted.items == 4)
        let kept = Set(house.store.locations.map(\.digest))
        #expect(kept == Set([0, 5, 6, 7].map { Digest(of: layer($0).readableBytesView) }))
        #expect(try await house.collect().evicted.items == 0)
    }

    @Test func anEvictedImageStaysListedAndComesBack() async throws {
        let house = try await CollectionHouse(cacheSize: 100)
        try await house.rule("ecr-public")
        let image = try await house.cache(layer(1), as: "1")
        #expect(try await house.collect().evicted.items == 1)
        #expect(house.store.locations.isEmpty)
        let listed = try await house.registry.images.list(
            in: RepositoryName(name), of: house.id, .any, after: nil, limit: 10)
        #expect(listed.items.map(\.digest) == [image])
        house.upstream.forgetRequests()
        #expect(try await house.read(Digest(of: layer(1).readableBytesView), in: name) == layer(1))
        #expect(house.upstream.count(.blob) == 1)
        #expect(try await house.verify().isClean)
    }

    @Test func pushedContentIsNeverEvicted() async throws {
        let house = try await CollectionHouse(cacheSize: 1)
        try await house.create("mine/app")
        try await house.push(layer(1), to: "mine/app")
        try await house.put(layer(1), as: "1", in: "mine/app")
        house.pass(.seconds(7200))
        let report = try await house.collect()
        #expect(report.evicted.items == 0)
        #expect(report.cached.items == 0)
        #expect(house.store.locations.count == 1)
    }

    @Test("What was cached and is pushed elsewhere, or named by a pushed image, counts as pushed")
    func pushedBesides() async throws {
        let house = try await CollectionHouse(cacheSize: 1)
        try await house.rule("ecr-public")
        try await house.create("mine/app")
        try await house.cache(layer(1), as: "1")
        try await house.cache(layer(2), as: "2")
        try await house.push(layer(1), to: "mine/app")
        try await house.put(layer(1), as: "1", in: "mine/app")
        // A client pushes an image into the cache's own repository, on top of cached layers.
        let digest = Digest(of: layer(2).readableBytesView)
        let manifest = Manifests.image(config: digest, size: 10_000)
        _ = try await house.registry.images.put(
            ByteBuffer(string: manifest), contentType: nil, as: .tag(Tag("mine")), in: RepositoryName(name), of: house.id)
        house.pass(.seconds(7200))
        #expect(try await house.collect().evicted.items == 0)
        #expect(house.store.locations.count == 2)
    }

    @Test func whatNoRuleCoversAnyMoreIsNotEvicted() async throws {
        let house = try await CollectionHouse(cacheSize: 1)
        try await house.rule("ecr-public")
        try await house.cache(layer(1), as: "1")
        _ = try await house.registry.cacheRules.delete(
            Prefix("ecr-public", lengths: CacheRule.prefixLengths), in: house.id)
        #expect(try await house.collect().evicted.items == 0)
        #expect(try await house.read(Digest(of: layer(1).readableBytesView), in: name) == layer(1))
    }

    @Test func aPromisedBlobIsNotEvicted() async throws {
        let house = try await CollectionHouse(cacheSize: 1)
        try await house.rule("ecr-public")
        try await house.cache(layer(1), as: "1")
        try await house.pushIfMissing(layer(1), to: name)
        #expect(try await house.collect().evicted.items == 0)
        house.pass(.seconds(7200))
        #expect(try await house.collect().evicted.items == 1)
    }

    @Test func theCapIsLookedAtOnlyWhereTheCacheHasGrown() async throws {
        let house = try await CollectionHouse(cacheSize: 15_000)
        try await house.rule("ecr-public")
        let collector = house.registry.maintenance.collector
        #expect(try await collector.evictIfGrown(since: nil) == nil)
        try await house.cache(layer(1), as: "1")
        let first = try await collector.evictIfGrown(since: nil)
        #expect(first?.evicted.items == 0)
        #expect(try await collector.evictIfGrown(since: first) == nil)
        house.pass(.seconds(60))
        try await house.cache(layer(2), as: "2")
        let second = try await collector.evictIfGrown(since: first)
        #expect(second?.evicted.items == 1)
        #expect(house.store.locations.map(\.digest) == [Digest(of: layer(2).readableBytesView)])
    }
}

extension CollectionHouse {
    func rule(_ prefix: String) async throws {
        _ = try await registry.cacheRules.create(
            CacheRuleRequest(
                prefix: Prefix(prefix, lengths: CacheRule.prefixLengths), upstreamURL: "public.ecr.aws"), in: id)
    }

    func removeRules() async throws {
        for rule in try await registry.cacheRules.describe(in: id, after: nil, limit: 10).items {
            _ = try await registry.cacheRules.delete(rule.prefix, in: id)
        }
    }

    @discardableResult
    func pull(_ reference: String, _ name: String) async throws -> Digest {
        try await registry.pulls.manifests.pull(
            Reference(reference), in: RepositoryName(name), of: id, for: caller
        ).digest
    }

    /// Pulls an image of one layer through the cache, and waits until the layer is stored.
    @discardableResult
    func cache(_ layer: ByteBuffer, as tag: String) async throws -> Digest {
        let digest = upstream.add(blob: layer, to: "nginx/nginx")
        let manifest = Manifests.image(config: digest, size: layer.readableBytes)
        upstream.add(manifest: ByteBuffer(string: manifest), to: "nginx/nginx", tags: [tag])
        let image = try await pull(tag, "ecr-public/nginx/nginx")
        _ = try await read(digest, in: "ecr-public/nginx/nginx")
        try await eventually { self.store.locations.contains { $0.digest == digest } }
        return image
    }

    /// Waits until the condition holds, as long as a slow machine may take.
    func eventually(_ condition: () async throws -> Bool) async throws {
        for round in 0..<30_000 {
            if try await condition() { return }
            if round < 200 { await Task.yield() } else { try await Task.sleep(for: .milliseconds(2)) }
        }
        struct DidNotHappen: Error {}
        throw DidNotHappen()
    }
}
