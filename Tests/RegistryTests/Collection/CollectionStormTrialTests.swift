import ConformanceSuites
import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirRegistry

/// All actors at once, at random: pushes that skip what is here, deletes, repositories that come and go, pulls through the cache,
/// evictions and collections. Live content reads back whole all the time; in the end no dead content is left.
@Suite struct CollectionStormTrialTests {
    private static let layers = (0..<12).map { noise(2_000 + 100 * $0, seed: UInt64($0 + 1)) }
    private static let names = ["storm/a", "storm/b", "storm/c"]
    private static let cached = "ecr-public/nginx/nginx"

    /// The live images, each by repository and tag. An actor leaves another's image alone while that one reads it.
    private final class Live: Sendable {
        struct Image: Sendable, Hashable {
            let name: String
            let layer: Int
            let digest: Digest
        }

        private let images = Mutex<[Int: [Image]]>([:])

        func add(_ image: Image, by actor: Int) { images.withLock { $0[actor, default: []].append(image) } }
        func takeOldest(of actor: Int, keeping count: Int) -> Image? {
            images.withLock { all in
                guard let own = all[actor], own.count > count else { return nil }
                return all[actor]?.removeFirst()
            }
        }
        func own(_ actor: Int) -> [Image] { images.withLock { $0[actor] ?? [] } }
        var all: [Image] { images.withLock { $0.values.flatMap { $0 } } }
    }

    @Test("A thousand random steps of nine actors", arguments: [1, 2, 3])
    func storm(seed: Int) async throws {
        let house = try await CollectionHouse(cacheSize: 6_000)
        try await house.create("storm/a", "storm/b", "storm/c")
        try await house.rule("ecr-public")
        for (number, layer) in Self.layers.enumerated() {
            let digest = house.upstream.add(blob: layer, to: "nginx/nginx")
            let manifest = Manifests.image(config: digest, size: layer.readableBytes)
            house.upstream.add(manifest: ByteBuffer(string: manifest), to: "nginx/nginx", tags: ["\(number)"])
        }
        let live = Live()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for actor in 0..<4 { group.addTask { try await self.pusher(actor, seed, house, live) } }
            for actor in 4..<6 { group.addTask { try await self.puller(actor, seed, house) } }
            group.addTask { try await self.brief(house) }
            for _ in 0..<2 {
                group.addTask {
                    for _ in 0..<60 {
                        _ = try await house.collect()
                        // Enough time for a collection to take what was put aside, while others push the same again.
                        house.pass(.seconds(600))
                    }
                }
            }
            try await group.waitForAll()
        }
        let report = try await house.verify()
        #expect(report.faults.isEmpty, "\(report.faults.prefix(3))")
        for image in live.all {
            let layer = Self.layers[image.layer]
            #expect(try await house.read(Digest(of: layer.readableBytesView), in: image.name) == layer)
        }
        for name in Self.names + [Self.cached] {
            _ = try await house.registry.repositories.delete(RepositoryName(name), in: house.id, images: .deletedToo)
        }
        try await house.collect()
        #expect(house.store.locations.isEmpty)
        #expect(house.store.stagedCount == 0)
    }

    /// Pushes as docker does, and deletes the oldest of its own images. A label makes its manifests differ from the others'.
    private func pusher(_ actor: Int, _ seed: Int, _ house: CollectionHouse, _ live: Live) async throws {
        var random = Dice(seed: UInt64(seed * 100 + actor))
        for number in 0..<60 {
            let index = random.below(Self.layers.count)
            let (layer, name) = (Self.layers[index], Self.names[random.below(Self.names.count)])
            let digest = Digest(of: layer.readableBytesView)
            let config =
                #"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(digest)","size":\#(layer.readableBytes)}"#
            let manifest =
                #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","config":\#(config),"layers":[],"#
                + #""annotations":{"by":"\#(actor)-\#(number)"}}"#
            let put = try await pushed(layer, manifest, as: "\(actor)-\(number)", in: name, house)
            live.add(Live.Image(name: name, layer: index, digest: put), by: actor)
            for image in live.own(actor) {
                let wanted = Self.layers[image.layer]
                #expect(try await house.read(Digest(of: wanted.readableBytesView), in: image.name) == wanted)
            }
            if let old = live.takeOldest(of: actor, keeping: 3) { try await house.delete(old.digest, in: old.name) }
        }
    }

    /// Time runs fast here: an hour holds two promises. A push that took longer than one begins again, as a client does.
    private func pushed(
        _ layer: ByteBuffer, _ manifest: String, as tag: String, in name: String, _ house: CollectionHouse
    ) async throws -> Digest {
        for _ in 0..<100 {
            try await house.pushIfMissing(layer, to: name)
            do {
                return try await house.registry.images.put(
                    ByteBuffer(string: manifest), contentType: nil, as: .tag(Tag(tag)), in: RepositoryName(name), of: house.id
                ).digest
            } catch let refusal as Refusal where refusal.reason == .layersNotFound {}
        }
        throw Refusal(.layersNotFound, "a hundred pushes found no time")
    }

    /// Pulls through the cache, whose cap is less than half of what it pulls.
    private func puller(_ actor: Int, _ seed: Int, _ house: CollectionHouse) async throws {
        var random = Dice(seed: UInt64(seed * 100 + actor))
        for _ in 0..<80 {
            let index = random.below(Self.layers.count)
            let layer = Self.layers[index]
            _ = try await house.pull("\(index)", Self.cached)
            #expect(try await house.read(Digest(of: layer.readableBytesView), in: Self.cached) == layer)
        }
    }

    /// A repository that comes, is filled and goes.
    private func brief(_ house: CollectionHouse) async throws {
        for number in 0..<40 {
            let layer = Self.layers[number % Self.layers.count]
            try await house.create("storm/brief")
            try await house.push(layer, to: "storm/brief")
            #expect(try await house.read(Digest(of: layer.readableBytesView), in: "storm/brief") == layer)
            _ = try await house.registry.repositories.delete(
                RepositoryName("storm/brief"), in: house.id, images: .deletedToo)
        }
    }

    private struct Dice {
        private var state: UInt64
        init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }
        mutating func below(_ limit: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(limit))
        }
    }
}
