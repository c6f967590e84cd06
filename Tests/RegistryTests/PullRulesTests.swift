import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry
import WeirStorage

/// How a rule's options change pulls, and what operators ask.
@Suite struct PullRulesTests {
    private func house(_ change: (inout RuleOptions) -> Void) async throws -> TestRegistry {
        let house = try await TestRegistry()
        try await house.rule()
        try await set(house, change)
        return house
    }

    private func set(_ house: TestRegistry, _ change: (inout RuleOptions) -> Void) async throws {
        var options = RuleOptions()
        change(&options)
        _ = try await house.registry.cacheRules.setOptions(of: try prefix, in: house.id) { [options] in $0 = options }
    }

    private var prefix: Prefix {
        get throws { try Prefix("ecr-public", lengths: CacheRule.prefixLengths) }
    }

    /// A list of two images; the digests of the list and of both, in the order amd64, arm64.
    private func list(at house: TestRegistry) -> (list: Digest, images: [Digest], layers: [Digest]) {
        let images = (1...2).map { house.upstream.addImage(to: "a/b", layer: noise(5_000, seed: UInt64($0))) }
        let entries = zip(["amd64", "arm64"], images).map { architecture, image in
            """
            {"mediaType":"\(MediaType.ociManifest)","digest":"\(image.manifest)","size":100,\
            "platform":{"os":"linux","architecture":"\(architecture)"}}
            """
        }
        let text = """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)","manifests":[\(entries.joined(separator: ","))]}
            """
        let digest = house.upstream.add(
            manifest: ByteBuffer(string: text), mediaType: MediaType.ociIndex, to: "a/b", tags: ["1"])
        return (digest, images.map(\.manifest), images.map(\.layer))
    }

    // MARK: Freshness

    @Test func aRulesWindowCountsBeforeTheServers() async throws {
        let house = try await house { $0.freshness = .seconds(60) }
        house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10))
        _ = try await house.pull("1", "ecr-public/a/b")
        house.pass(.seconds(59))
        _ = try await house.pull("1", "ecr-public/a/b")
        #expect(house.upstream.count(.resolve) == 0)
        house.pass(.seconds(1))
        _ = try await house.pull("1", "ecr-public/a/b")
        #expect(house.upstream.count(.resolve) == 1 && house.upstream.count(.manifest) == 1)
    }

    @Test func aWindowOfNothingAsksAtEachPullByHeadAlone() async throws {
        let house = try await house { $0.freshness = .zero }
        house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10))
        for _ in 0..<4 { _ = try await house.pull("1", "ecr-public/a/b") }
        #expect(house.upstream.count(.resolve) == 3 && house.upstream.count(.manifest) == 1)
    }

    @Test func aPinnedTagIsNeverAskedAboutAgain() async throws {
        let house = try await house { $0.pinnedTags = ["v*"] }
        house.upstream.addImage(to: "a/b", tags: ["v1", "latest"], layer: noise(10))
        _ = try await house.pull("v1", "ecr-public/a/b")
        _ = try await house.pull("latest", "ecr-public/a/b")
        house.pass(.seconds(10 * 86_400))
        _ = try await house.pull("v1", "ecr-public/a/b")
        #expect(house.upstream.count(.resolve) == 0)
        _ = try await house.pull("latest", "ecr-public/a/b")
        #expect(house.upstream.count(.resolve) == 1)
    }

    @Test func aThousandPullsOfAnExpiredTagAskOnce() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10))
        _ = try await house.pull("1", "ecr-public/a/b")
        house.pass(.seconds(86_400))
        house.upstream.hold(.resolve)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<1_000 { group.addTask { _ = try await house.pull("1", "ecr-public/a/b") } }
            try await house.upstream.untilHeld()
            house.upstream.release()
            try await group.waitForAll()
        }
        #expect(house.upstream.count(.resolve) == 1)
    }

    @Test func whatUpstreamDoesNotHaveIsRememberedForALittleWhile() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        for _ in 0..<3 {
            let refusal = await #expect(throws: Refusal.self) { try await house.pull("1", "ecr-public/a/b") }
            #expect(refusal?.reason == .imageNotFound)
        }
        #expect(house.upstream.count(.manifest) == 1)
        house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10))
        house.pass(.seconds(10))
        _ = try await house.pull("1", "ecr-public/a/b")
        #expect(house.upstream.count(.manifest) == 2)
    }

    @Test func couldNotAskIsNotRememberedAsMissing() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10))
        for kind in [UpstreamError.Kind.unavailable, .denied, .rateLimited] {
            house.upstream.fail(kind, on: [.manifest], times: 1)
            let refusal = await #expect(throws: Refusal.self) { try await house.pull("1", "ecr-public/a/b") }
            #expect(refusal?.reason != .imageNotFound)
        }
        _ = try await house.pull("1", "ecr-public/a/b")
    }

    // MARK: What is fetched of a list

    @Test func aListBringsWhatItsRuleSays() async throws {
        for (fetch, wanted) in [
            (RuleOptions.Fetch.requested, 0), (.platforms(["linux/arm64"]), 1), (.all, 2),
        ] {
            let house = try await house { $0.fetch = fetch }
            let (digest, images, layers) = list(at: house)
            #expect(try await house.pull("1", "ecr-public/a/b").digest == digest)
            // Both images have the same configuration.
            let blobs = wanted == 0 ? 0 : wanted + 1
            try await house.eventually { house.upstream.count(.blob) == blobs && house.stagedFiles.isEmpty }
            let asked = house.upstream.requests.filter { $0.kind == .manifest }
            #expect(Set(asked.map(\.reference)) == Set(["1"] + images.suffix(wanted).map { "\($0)" }))
            #expect(asked.dropFirst().allSatisfy { $0.source.priority == .prefetch })
            guard wanted > 0 else { continue }
            // All of it is here now.
            house.upstream.fail(.unavailable)
            _ = try await house.pull("\(images[1])", "ecr-public/a/b")
            #expect(try await house.bytes(layers[1], "ecr-public/a/b") == noise(5_000, seed: 2))
        }
    }

    @Test func whatAListLacksComesWithTheNextQuestion() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let (_, images, _) = list(at: house)
        _ = try await house.pull("1", "ecr-public/a/b")
        try await set(house) { $0.fetch = .all }
        house.pass(.seconds(86_400))
        _ = try await house.pull("1", "ecr-public/a/b")
        try await house.eventually { house.upstream.count(.blob) == 3 && house.stagedFiles.isEmpty }
        house.upstream.fail(.unavailable)
        for image in images { _ = try await house.pull("\(image)", "ecr-public/a/b") }
    }

    // MARK: Names

    @Test func dockerHubsOwnImagesNeedNoLibrary() async throws {
        let house = try await TestRegistry(upstreams: UpstreamPolicy(hosts: .known, secrets: .optional))
        _ = try await house.registry.cacheRules.create(
            CacheRuleRequest(
                prefix: Prefix("hub", lengths: CacheRule.prefixLengths), upstreamURL: "registry-1.docker.io"), in: house.id)
        house.upstream.addImage(to: "library/nginx", tags: ["1"], layer: noise(10))
        house.upstream.addImage(to: "grafana/loki", tags: ["1"], layer: noise(10))
        _ = try await house.pull("1", "hub/nginx")
        _ = try await house.pull("1", "hub/library/nginx")
        _ = try await house.pull("1", "hub/grafana/loki")
        // Upstream is asked as the rule's kind and host.
        #expect(house.upstream.requests.allSatisfy { $0.source.kind == .dockerHub && $0.source.host == "registry-1.docker.io" })
    }

    @Test func aNamespaceFindsItsRuleAndTheNameThere() async throws {
        let house = try await TestRegistry(upstreams: UpstreamPolicy(hosts: .any, secrets: .optional))
        let rules = house.registry.cacheRules
        for (name, host, upstreamPrefix) in [
            ("hub", "registry-1.docker.io", nil), ("harbor", "harbor.example:8443", "team"), ("zz", "harbor.example:8443", nil),
        ] {
            _ = try await rules.create(
                CacheRuleRequest(
                    prefix: Prefix(name, lengths: CacheRule.prefixLengths), upstreamURL: host,
                    upstreamPrefix: try upstreamPrefix.map { try Prefix($0, lengths: CacheRule.prefixLengths) }), in: house.id)
        }
        for host in ["docker.io", "index.docker.io", "registry-1.docker.io", "Docker.io"] {
            let name = try await rules.repository("library/nginx", inNamespace: host, of: house.id)
            #expect(name?.description == "hub/library/nginx")
        }
        // The rule that takes every name wins, although it comes later.
        #expect(try await rules.rule(forNamespace: "harbor.example:8443", in: house.id)?.prefix.description == "zz")
        let name = try await rules.repository("team/app", inNamespace: "harbor.example:8443", of: house.id)
        #expect(name?.description == "zz/team/app")
        #expect(try await rules.repository("a/b", inNamespace: "quay.io", of: house.id) == nil)
        #expect(try await rules.repository("../x", inNamespace: "docker.io", of: house.id) == nil)
    }

    // MARK: Options

    @Test func optionsAreKeptAndReadBack() async throws {
        let house = try await TestRegistry(upstreams: UpstreamPolicy(hosts: .any, secrets: .optional))
        let prefix = try Prefix("other", lengths: CacheRule.prefixLengths)
        let rules = house.registry.cacheRules
        _ = try await rules.create(CacheRuleRequest(prefix: prefix, upstreamURL: "nexus.example:8081"), in: house.id)
        var options = RuleOptions()
        options.freshness = .seconds(90)
        options.pinnedTags = ["v*", "1.2.3"]
        options.fetch = .platforms(["linux/amd64", "linux/arm/v7"])
        options.tagList = .merged
        options.referrersFreshness = .zero
        options.connections = 3
        options.requestsPerSecond = 0.5
        options.bytesPerSecond = 1 << 20
        options.plainHTTP = true
        options.pathPrefix = "/repository/docker"
        let status = try await rules.setOptions(of: prefix, in: house.id) { [options] in $0 = options }
        #expect(status.rule.options == options)
        #expect(try await rules.describe([prefix], in: house.id).first?.options == options)
        let column = try await house.database.read { try $0.rows("SELECT options FROM cache_rule", []).first?.text(0) }
        let stored =
            #"{"bytesPerSecond":1048576,"connections":3,"freshness":90000000,"pathPrefix":"/repository/docker","pinnedTags":["v*","1.2.3"],"#
            + #""plainHTTP":true,"platforms":["linux/amd64","linux/arm/v7"],"referrersFreshness":0,"requestsPerSecond":0.5,"tags":"merged"}"#
        #expect(column == stored, "what an older server must be able to read")
        #expect(try await rules.rule(covering: RepositoryName("other/x"), in: house.id)?.options == options)
        // Updates by ECR's API leave them alone.
        _ = try await rules.update(
            prefix, in: house.id, credentialARN: nil, customRoleARN: "arn:aws:iam::\(house.id.account):role/puller")
        #expect(try await rules.describe([prefix], in: house.id).first?.options == options)
        _ = try? await house.pull("1", "other/x")
        let source = try #require(house.upstream.requests.last?.source)
        #expect(source.plainHTTP && source.pathPrefix == "/repository/docker" && source.limits == options.limits)
    }

    @Test func optionsThatMakeNoSenseAreRefused() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let changes: [@Sendable (inout RuleOptions) -> Void] = [
            { $0.freshness = .seconds(-1) }, { $0.pinnedTags = ["a b"] }, { $0.fetch = .platforms([]) },
            { $0.fetch = .platforms(["linux"]) }, { $0.connections = 0 }, { $0.requestsPerSecond = 0 },
            { $0.bytesPerSecond = 1 }, { $0.plainHTTP = true }, { $0.pathPrefix = "/x" },
        ]
        for change in changes {
            let refusal = await #expect(throws: Refusal.self) { try await self.set(house, change) }
            #expect(refusal?.reason == .invalidParameter)
        }
        let missing = try Prefix("nobody", lengths: CacheRule.prefixLengths)
        let refusal = await #expect(throws: Refusal.self) {
            try await house.registry.cacheRules.setOptions(of: missing, in: house.id) { _ in }
        }
        #expect(refusal?.reason == .cacheRuleNotFound)
    }

    @Test func aRuleTellsWhatItDid() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(5_000))
        _ = try await house.pull("1", "ecr-public/a/b")
        _ = try await house.pull("1", "ecr-public/a/b")
        _ = try? await house.pull("2", "ecr-public/a/b")
        let rules = house.registry.cacheRules
        try await house.eventually {
            let traffic = try await rules.status(of: try prefix, in: house.id).traffic
            return traffic.bytesIn > 5_000 && traffic.fillsRunning == 0
        }
        let traffic = try await rules.statuses(in: house.id).first?.traffic
        #expect(traffic?.hits == 1 && traffic?.misses == 1 && traffic?.failures == 1)
        #expect(traffic?.hitRatio.map { abs($0 - 1.0 / 3) < 0.001 } == true)
    }
}
