import ConformanceSuites
import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirRegistry

/// Every order of the writes, renames and unlinks of a collection and one other actor, and a crash after each of them: small
/// scope, exhaustively, on the real code.
///
/// Invariants: an acknowledged image reads back whole; unreferenced content is gone after the grace period; a verification finds
/// no fault, except, after a crash, files without a row.
@Suite(.serialized) struct CollectionModelTests {
    private static let layer = noise(3_000)
    private static var digest: Digest { Digest(of: layer.readableBytesView) }
    private static let cached = "ecr-public/nginx/nginx"

    /// Images whose push was acknowledged.
    final class Acknowledged: Sendable {
        private let names = Mutex<[String]>([])
        var all: [String] { names.withLock { $0 } }
        func add(_ name: String) { names.withLock { $0.append(name) } }
    }

    struct Scenario: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var cacheSize: Int64?
        /// Fewer runs than this mean that the steps are no longer seen.
        var least = 20
        /// Runs before the actors.
        let prepare: @Sendable (CollectionHouse) async throws -> Void
        /// Runs beside the collection. An error fails the test, unless the machine has crashed.
        let act: @Sendable (CollectionHouse, Acknowledged) async throws -> Void
    }

    /// A repository with a blob that no image names any more, whose grace period is over.
    private static let garbage: @Sendable (CollectionHouse) async throws -> Void = { house in
        try await house.create("mine/app", "mine/other")
        try await house.push(layer, to: "mine/app")
        house.pass(.seconds(7200))
    }

    static let scenarios: [Scenario] = [
        Scenario(
            testDescription: "what waits in quarantine is brought back while its wait ends", least: 8,
            prepare: { house in
                try await garbage(house)
                try await house.collect()
                house.pass(.seconds(7200))
            }
        ) { house, told in
            // It takes the place's lock before its first step.
            try await house.stage.step()
            let report = try await house.restore()
            // The collector may have been first.
            if report.done.items == 1 { told.add("mine/app") }
        },
        Scenario(testDescription: "the same content is pushed again", prepare: garbage) { house, told in
            try await house.push(layer, to: "mine/app")
            try await house.put(layer, as: "1", in: "mine/app")
            told.add("mine/app")
        },
        Scenario(testDescription: "the same content is pushed to another repository", prepare: garbage) { house, told in
            try await house.push(layer, to: "mine/other")
            try await house.put(layer, as: "1", in: "mine/other")
            told.add("mine/other")
        },
        Scenario(testDescription: "a push asks first, and sends what is not there", prepare: garbage) { house, told in
            try await house.pushIfMissing(layer, to: "mine/app")
            try await house.put(layer, as: "1", in: "mine/app")
            told.add("mine/app")
        },
        Scenario(
            testDescription: "the last image goes while another comes",
            prepare: { house in
                try await garbage(house)
                try await house.push(layer, to: "mine/app")
                try await house.put(layer, as: "old", in: "mine/app")
                house.pass(.seconds(7200))
            }
        ) { house, told in
            let manifest = Manifests.image(
                config: digest, size: layer.readableBytes, layers: [(digest, layer.readableBytes)])
            try await house.delete(Digest(of: manifest.utf8), in: "mine/app")
            try await house.pushIfMissing(layer, to: "mine/app")
            try await house.put(layer, as: "new", in: "mine/app")
            told.add("mine/app")
        },
        Scenario(
            testDescription: "the repository is deleted, made again and pushed to",
            prepare: { house in
                try await garbage(house)
                try await house.push(layer, to: "mine/app")
                try await house.put(layer, as: "1", in: "mine/app")
            }
        ) { house, told in
            _ = try await house.registry.repositories.delete(
                RepositoryName("mine/app"), in: house.id, images: .deletedToo)
            try await house.create("mine/app")
            try await house.pushIfMissing(layer, to: "mine/app")
            try await house.put(layer, as: "1", in: "mine/app")
            told.add("mine/app")
        },
        Scenario(
            testDescription: "the same content is fetched from upstream",
            prepare: { house in
                try await garbage(house)
                try await house.rule("ecr-public")
                house.upstream.add(blob: layer, to: "nginx/nginx")
                let manifest = Manifests.image(config: digest, size: layer.readableBytes)
                house.upstream.add(manifest: ByteBuffer(string: manifest), to: "nginx/nginx", tags: ["1"])
            }
        ) { house, told in
            _ = try await house.pull("1", cached)
            guard try await house.read(digest, in: cached) == layer else { throw WrongBytes() }
            told.add(cached)
        },
        Scenario(
            testDescription: "cached content is evicted and pulled at once", cacheSize: 1,
            prepare: { house in
                try await house.rule("ecr-public")
                try await house.cache(layer, as: "1")
            }
        ) { house, told in
            for _ in 0..<2 {
                // Reading by itself takes no step.
                try await house.stage.step()
                guard try await house.read(digest, in: cached) == layer else { throw WrongBytes() }
            }
            told.add(cached)
        },
        Scenario(
            testDescription: "cached content is evicted and pushed elsewhere", cacheSize: 1,
            prepare: { house in
                try await house.rule("ecr-public")
                try await house.create("mine/app")
                try await house.cache(layer, as: "1")
            }
        ) { house, told in
            try await house.pushIfMissing(layer, to: "mine/app")
            try await house.put(layer, as: "1", in: "mine/app")
            told.add("mine/app")
            guard try await house.read(digest, in: cached) == layer else { throw WrongBytes() }
        },
    ]

    struct WrongBytes: Error {}

    @Test("Every interleaving, and a crash after every step of each", arguments: scenarios)
    func everyInterleaving(_ scenario: Scenario) async throws {
        let house = try await CollectionHouse(cacheSize: scenario.cacheSize)
        var runs = 0
        var crashes: Set<[Int]> = []
        try await explore { script in
            runs += 1
            let (told, play) = try await run(scenario, in: house, script, crashAfter: nil)
            try await check(house, told, mayHaveOrphans: false, play)
            try await endOfEverything(house, play)
            for length in 0...play.turns.count {
                // The state after a crash depends on the lasting steps before it, and many scripts have the same ones.
                let lasting = zip(play.turns, play.reads).prefix(length).filter { !$0.1 }.map(\.0)
                guard crashes.insert(lasting).inserted else { continue }
                let beginning = Array(play.turns.prefix(length))
                let (told, crashed) = try await run(scenario, in: house, beginning, crashAfter: length)
                try house.restart()
                try await check(house, told, mayHaveOrphans: true, crashed)
                try await endOfEverything(house, crashed)
            }
            return play
        }
        #expect(runs > scenario.least && crashes.count > 5, "nothing was interleaved: the steps are not seen any more")
    }

    // MARK: How

    /// Plays every possible script, depth first: each run returns the branches for further ones.
    private func explore(_ play: ([Int]) async throws -> Stage.Play) async throws {
        var scripts: [[Int]] = [[]]
        while let script = scripts.popLast() {
            let played = try await play(script)
            for (index, others) in played.others.enumerated() where index >= script.count {
                for other in others { scripts.append(Array(played.turns.prefix(index)) + [other]) }
            }
        }
    }

    private func run(
        _ scenario: Scenario, in house: CollectionHouse, _ script: [Int], crashAfter: Int?
    ) async throws -> (Acknowledged, Stage.Play) {
        try await scenario.prepare(house)
        let told = Acknowledged()
        let problems = Mutex<[any Error]>([])
        let actors: [@Sendable () async -> Void] = [
            { do { try await house.collect() } catch { problems.withLock { $0.append(error) } } },
            { do { try await scenario.act(house, told) } catch { problems.withLock { $0.append(error) } } },
        ]
        let play = await house.stage.play(
            actors, script: script, crashAfter: crashAfter, locks: house.registry.blobs.locks)
        #expect(!play.isStuck, "everybody waits for somebody else: \(play.turns)")
        if crashAfter == nil {
            let found = problems.withLock { $0 }
            #expect(found.isEmpty, "\(found) in \(play.turns)")
        }
        return (told, play)
    }

    private func check(
        _ house: CollectionHouse, _ told: Acknowledged, mayHaveOrphans: Bool, _ play: Stage.Play
    ) async throws {
        let report = try await house.verify()
        let faults = report.faults.filter { !(mayHaveOrphans && $0.kind == .orphanFile) }
        #expect(faults.isEmpty, "\(faults) after \(play.turns)")
        for name in told.all {
            #expect(try await house.read(Self.digest, in: name) == Self.layer, "lost in \(name) after \(play.turns)")
        }
        if !mayHaveOrphans { #expect(house.store.stagedCount == 0, "staged files are left after \(play.turns)") }
    }

    /// When nothing is needed any more, a run after the grace period leaves nothing.
    private func endOfEverything(_ house: CollectionHouse, _ play: Stage.Play) async throws {
        for name in ["mine/app", "mine/other", Self.cached] {
            do {
                _ = try await house.registry.repositories.delete(
                    RepositoryName(name), in: house.id, images: .deletedToo)
            } catch let refusal as Refusal where refusal.reason == .repositoryNotFound {}
        }
        house.pass(.seconds(7200))
        try await house.collect()
        #expect(house.store.locations.isEmpty, "garbage is left after \(play.turns)")
        #expect(try await house.verify().faults.isEmpty)
        if !house.store.quarantined.isEmpty {
            house.pass(.seconds(7200))
            try await house.collect()
        }
        #expect(house.store.quarantined.isEmpty, "the quarantine is not emptied after \(play.turns)")
        // Back to the first state: the next run begins with nothing.
        try await house.removeRules()
    }
}
