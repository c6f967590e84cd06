import ConformanceSuites
import Testing
import WeirCore
import WeirRegistry

/// What counts as one pull: docker's cold pull of a multi-platform image is three requests, and one miss.
@Suite struct PullsUnderWayTests {
    private struct Question {
        let reference: String
        var isHead = false
        var address = "10.0.0.1"
    }

    private func counts(_ questions: [Question], passing time: Duration = .seconds(1)) async throws -> (
        pulls: Int64?, hitRatio: Double?
    ) {
        let house = try await TestRegistry()
        try await house.rule()
        house.upstream.addImage(to: "a/b", tags: ["1", "2"], layer: noise(5_000))
        let name = try RepositoryName("ecr-public/a/b")
        var last: Digest?
        for question in questions {
            let reference = try question.reference == "digest" ? last.map { .digest($0) } : Reference(question.reference)
            guard let reference else { continue }
            let served = await RequestOrigin.$current.withValue(RequestOrigin(address: question.address)) {
                try? await house.registry.pulls.manifests.pull(
                    reference, in: name, of: house.id, for: house.caller, isHead: question.isHead)
            }
            last = served?.digest ?? last
            house.pass(time)
        }
        let prefix = try Prefix("ecr-public", lengths: CacheRule.prefixLengths)
        let traffic = try await house.registry.cacheRules.status(of: prefix, in: house.id).traffic
        await house.registry.pulls.close()
        return (traffic.pulls, traffic.hitRatio)
    }

    @Test func aLookAndWhatFollowsAreOnePull() async throws {
        let cold = try await counts([.init(reference: "1", isHead: true), .init(reference: "1")])
        #expect(cold.pulls == 1 && cold.hitRatio == 0)
    }

    @Test func byDigestBehindATag() async throws {
        let docker = try await counts([.init(reference: "1", isHead: true), .init(reference: "digest")])
        #expect(docker.pulls == 1 && docker.hitRatio == 0)
        let podman = try await counts([
            .init(reference: "1"), .init(reference: "digest"), .init(reference: "1"), .init(reference: "digest"),
        ])
        #expect(podman.pulls == 2 && podman.hitRatio == 0.5)
        // A second request for its digest is a pull of its own.
        let byDigest = try await counts(
            [
                .init(reference: "1"), .init(reference: "digest", address: "10.0.0.2"),
                .init(reference: "digest", address: "10.0.0.2"),
            ])
        #expect(byDigest.pulls == 3)
    }

    @Test func twoPullsAreTwo() async throws {
        let twice = try await counts([.init(reference: "1"), .init(reference: "1")])
        #expect(twice.pulls == 2 && twice.hitRatio == 0.5)
        #expect(try await counts([.init(reference: "1", isHead: true), .init(reference: "1", isHead: true)]).pulls == 2)
        #expect(try await counts([.init(reference: "1"), .init(reference: "2")]).pulls == 2)
    }

    @Test func othersAndLaterOnesCount() async throws {
        #expect(
            try await counts([.init(reference: "1", isHead: true), .init(reference: "1", address: "10.0.0.2")]).pulls == 2)
        #expect(
            try await counts([.init(reference: "1", isHead: true), .init(reference: "1")], passing: .seconds(61)).pulls == 2)
    }

    @Test func aFailedPullCountsOnce() async throws {
        #expect(try await counts([.init(reference: "nosuch", isHead: true), .init(reference: "nosuch")]).pulls == 1)
    }
}
