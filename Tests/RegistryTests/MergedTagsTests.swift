import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry

/// Lists of tags that hold upstream's as well (`weir rules set PREFIX --tags merged`).
@Suite struct MergedTagsTests {
    private let name: RepositoryName
    private let prefix: Prefix

    init() throws {
        name = try RepositoryName("ecr-public/a/b")
        prefix = try Prefix("ecr-public", lengths: CacheRule.prefixLengths)
    }

    private func house(_ list: RuleOptions.TagList = .merged, freshness: Duration? = nil) async throws -> TestRegistry {
        let house = try await TestRegistry()
        try await house.rule()
        _ = try await house.registry.cacheRules.setOptions(of: prefix, in: house.id) {
            $0.tagList = list
            $0.freshness = freshness
        }
        return house
    }

    private func tags(
        _ house: TestRegistry, after tag: String? = nil, limit: Int = 100, by caller: Caller? = nil
    ) async throws -> (tags: [String], next: String?, warning: String?) {
        let (page, warning) = try await house.registry.pulls.tags.list(
            in: name, of: house.id, for: caller ?? house.caller, after: tag, limit: limit)
        return (page.items.map(\.description), page.next, warning)
    }

    private func add(_ tags: [String], to house: TestRegistry) {
        for (number, tag) in tags.enumerated() {
            house.upstream.addImage(to: "a/b", tags: [tag], layer: noise(10, seed: UInt64(number + 1)))
        }
    }

    @Test func byDefaultAListHoldsWhatIsHereAndAsksNobody() async throws {
        let house = try await house(.local)
        add(["1", "2"], to: house)
        _ = try await house.pull("1", "ecr-public/a/b")
        #expect(try await tags(house).tags == ["1"])
        #expect(house.upstream.count(.tags) == 0)
    }

    @Test func upstreamsTagsAreListedBeforeAnythingIsHere() async throws {
        let house = try await house()
        add(["v2", "v1"], to: house)
        #expect(try await tags(house).tags == ["v1", "v2"])
        // No repository is made for it.
        #expect(try await house.registry.repositories.find(name, in: house.id) == nil)
    }

    @Test func whatIsHereAndWhatIsThereAreOneListInPages() async throws {
        let house = try await house()
        add(["a", "c", "d", "e", "g"], to: house)
        _ = try await house.pull("c", "ecr-public/a/b")
        _ = try await house.pull("g", "ecr-public/a/b")
        house.upstream.remove("g", from: "a/b")
        var found: [String] = []
        var next: String?
        repeat {
            let page = try await tags(house, after: next, limit: 2)
            #expect(page.tags.count <= 2)
            found += page.tags
            next = page.next
        } while next != nil
        // A tag that upstream no longer has is still here.
        #expect(found == ["a", "c", "d", "e", "g"])
        #expect(house.upstream.count(.tags) == 1)
        #expect(try await tags(house, after: "d").tags == ["e", "g"])
        #expect(try await tags(house, after: "zzz").tags.isEmpty)
    }

    @Test func upstreamsWordCountsForTheRulesWindow() async throws {
        let house = try await house(freshness: .seconds(60))
        add(["1"], to: house)
        _ = try await tags(house)
        add(["2"], to: house)
        #expect(try await tags(house).tags == ["1"])
        house.pass(.seconds(60))
        #expect(try await tags(house).tags == ["1", "2"])
        #expect(house.upstream.count(.tags) == 2)
    }

    @Test func manyWhoAskAtOnceAreOneQuestion() async throws {
        let house = try await house()
        add(["1"], to: house)
        house.upstream.hold(.tags)
        try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<8 { group.addTask { try await tags(house).tags } }
            try await house.upstream.untilHeld()
            house.upstream.release()
            for try await found in group { #expect(found == ["1"]) }
        }
        #expect(house.upstream.count(.tags) == 1)
    }

    @Test(
        "While upstream is away its last list counts",
        arguments: [UpstreamError.Kind.unavailable, .denied, .rateLimited, .invalid])
    func outages(kind: UpstreamError.Kind) async throws {
        let house = try await house(freshness: .zero)
        add(["1", "2"], to: house)
        _ = try await tags(house)
        house.upstream.fail(kind, on: [.tags])
        for _ in 0..<3 {
            let found = try await tags(house)
            #expect(found.tags == ["1", "2"] && found.warning != nil)
        }
        #expect(house.upstream.count(.tags) == 2)
        house.upstream.recover()
        house.pass(.seconds(3601))
        #expect(try await tags(house).warning == nil)
    }

    @Test func withoutAListFromBeforeItIsWhatIsHere() async throws {
        let house = try await house()
        add(["1", "2"], to: house)
        _ = try await house.pull("1", "ecr-public/a/b")
        house.upstream.fail(.unavailable, on: [.tags])
        let found = try await tags(house)
        #expect(found.tags == ["1"] && found.warning != nil)
        // With nothing here either, the answer must not say that there is nothing.
        let other = try RepositoryName("ecr-public/not/here")
        await #expect(throws: Refusal.self) {
            _ = try await house.registry.pulls.tags.list(in: other, of: house.id, for: house.caller, after: nil, limit: 9)
        }
    }

    @Test func whatNobodyHasIsUnknown() async throws {
        let house = try await house()
        for _ in 0..<2 {
            do {
                _ = try await tags(house)
                Issue.record("it was found")
            } catch let refusal as Refusal { #expect(refusal.reason == .repositoryNotFound) }
        }
        #expect(house.upstream.count(.tags) == 1)
    }

    @Test func whoMayNotImportSeesWhatIsHere() async throws {
        let house = try await house()
        add(["1", "2"], to: house)
        _ = try await house.pull("1", "ecr-public/a/b")
        let stranger = Caller.root(of: try AccountID("999988887777"))
        #expect(try await tags(house, by: stranger).tags == ["1"])
        #expect(house.upstream.count(.tags) == 0)
    }

    @Test func listsAreBoundedInNumberAndBytes() throws {
        let lists = UpstreamTags()
        let registry = RegistryID(account: try AccountID("111122223333"), region: try Region("us-east-2"))
        func key(_ number: Int) throws -> UpstreamTags.Key {
            UpstreamTags.Key(registry: registry, name: try RepositoryName("r/\(number)"), place: "x")
        }
        let long = try (0..<20_000).map { try Tag("a-tag-of-some-length-\($0)") }
        for number in 0..<40 { lists.keep(UpstreamTags.List(long, askedAt: Timestamp(seconds: 0)), try key(number)) }
        #expect(lists.bytes <= UpstreamTags.mostBytes)
        #expect(try lists.list(key(0)) == nil && lists.list(key(39))?.tags.count == 20_000)
        for number in 100..<3_000 { lists.keep(UpstreamTags.List([], askedAt: Timestamp(seconds: 0)), try key(number)) }
        #expect(lists.count <= UpstreamTags.mostLists)
    }
}
