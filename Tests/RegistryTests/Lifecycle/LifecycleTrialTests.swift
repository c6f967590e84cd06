import ConformanceSuites
import Testing
import WeirCore
import WeirRegistry

/// Ten thousand random policies on random repositories, through the service and its rows: a run does exactly what the preview
/// before it found.
@Suite struct LifecycleTrialTests {
    @Test("A run does what its preview found", arguments: 0..<20)
    func previewIsExecution(seed: Int) async throws {
        let house = try await TestRegistry()
        let shelf = LifecycleShelf(house: house)
        let lifecycle = house.registry.lifecycle
        #expect(house.now == LifecycleRandom.now)
        var repositories: [LifecycleShelf.Repository] = []
        for number in 0..<500 {
            var random = LifecycleRandom(seed: UInt64(1_000_000 + seed * 500 + number))
            let policy = random.policyText()
            let images = try random.images(count: Int.random(in: 0...8, using: &random))
            repositories.append(.init(name: try RepositoryName("trial/\(number)"), images: images, policy: policy))
        }
        try await shelf.make(repositories)
        for repository in repositories { _ = try await lifecycle.startPreview(of: nil, for: repository.name, in: house.id) }
        await lifecycle.doErrands()
        for (number, repository) in repositories.enumerated() {
            let name = repository.name
            // Every tenth page by page, and with a dry run in between.
            let isTenth = number % 10 == 0
            let found = try await shelf.preview(of: name, pages: isTenth ? 3 : 100)
            if isTenth {
                let before = try await shelf.statuses(in: name)
                let dry = try await lifecycle.run(name, in: house.id, .dryRun)
                #expect(dry.steps.map(\.image.digest) == found.map(\.digest))
                #expect(try await shelf.statuses(in: name) == before)
            }
            let run = try await lifecycle.run(name, in: house.id, .real)
            #expect(run.changedMeanwhile.isEmpty)
            #expect(found.map(\.digest) == run.steps.map(\.image.digest))
            #expect(found.map(\.action) == run.steps.map(\.action) && found.map(\.priority) == run.steps.map(\.priority))
            // The images on their way out of the archive came back with the errands.
            var expected = Dictionary(
                uniqueKeysWithValues: repository.images.map { ($0.digest, $0.status == .activating ? .active : $0.status) })
            for result in found { expected[result.digest] = result.action == .expire ? nil : .archived }
            #expect(try await shelf.statuses(in: name) == expected, "seed \(seed), \(name)")
        }
    }
}
