import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry

@Suite struct PullOperatorTests {
    private func house() async throws -> TestRegistry {
        let house = try await TestRegistry()
        try await house.rule()
        return house
    }

    private func why(_ reference: String, _ name: String, _ house: TestRegistry) async throws -> PullExplanation {
        try await house.registry.pulls.explanations.explain(
            WeirCore.Reference(reference), in: RepositoryName(name), of: house.id, for: house.caller)
    }

    private func refresh(_ tag: String, _ house: TestRegistry) async throws -> RefreshOutcome {
        try await house.registry.pulls.revalidations.refresh(
            Tag(tag), in: RepositoryName("ecr-public/a/b"), of: house.id, for: house.caller)
    }

    // MARK: Refresh

    @Test func aRefreshAsksAtOnceAndMovesTheTag() async throws {
        let house = try await house()
        let old = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10)).manifest
        #expect(try await refresh("1", house).change == .fetched)
        #expect(try await refresh("1", house).change == .unchanged)
        let new = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(11)).manifest
        let outcome = try await refresh("1", house)
        #expect(outcome.change == .updated && outcome.before == old && outcome.after == new)
        #expect(try await house.pull("1", "ecr-public/a/b").digest == new)
        #expect(house.upstream.count(.resolve) == 2)
    }

    @Test func aRefreshThatFailsSaysWhyAndLeavesWhatIsHeld() async throws {
        let house = try await house()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10)).manifest
        _ = try await house.pull("1", "ecr-public/a/b")
        house.upstream.fail(.rateLimited)
        let refusal = await #expect(throws: Refusal.self) { try await self.refresh("1", house) }
        #expect(refusal?.reason == .upstreamRateLimited)
        #expect(try await house.pull("1", "ecr-public/a/b").digest == image)
    }

    @Test func aRefreshForgetsThatUpstreamHadNothing() async throws {
        let house = try await house()
        _ = try? await house.pull("1", "ecr-public/a/b")
        house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10))
        #expect(try await refresh("1", house).change == .fetched)
    }

    // MARK: Warm

    @Test func warmingBringsEverythingAndTellsHowFarItIs() async throws {
        let house = try await house()
        let first = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(400_000))
        house.upstream.holdBlobs(at: 100_000)
        let images = [
            WarmImage(name: try RepositoryName("ecr-public/a/b"), reference: try WeirCore.Reference("1")),
            WarmImage(name: try RepositoryName("ecr-public/none/such"), reference: try WeirCore.Reference("1")),
        ]
        let pulls = house.registry.pulls
        let id = try pulls.warmups.begin(images, in: house.id, for: house.caller).id
        try await house.upstream.untilHeld()
        try await house.eventually { (pulls.warmups.job(id, in: house.id)?.images[0].bytesDone ?? 0) > 50_000 }
        let half = try #require(pulls.warmups.job(id, in: house.id))
        #expect(!half.isFinished && half.images[0].state == .running && half.images[0].blobs == 2)
        house.upstream.release()
        try await house.eventually { pulls.warmups.job(id, in: house.id)?.isFinished == true }
        let job = try #require(pulls.warmups.jobs(in: house.id).first)
        #expect(job.images.map(\.state) == [.done, .failed])
        #expect(job.images[0].digest == first.manifest && job.images[0].blobsDone == 2)
        #expect(job.images[0].bytesDone == job.images[0].bytes && job.images[0].bytes > 400_000)
        #expect(job.images[1].failure?.hasPrefix("Requested image not found: ") == true)
        house.upstream.fail(.unavailable)
        _ = try await house.pull("1", "ecr-public/a/b")
        #expect(try await house.bytes(first.layer, "ecr-public/a/b") == noise(400_000))
    }

    @Test func warmingGoesToEachManifestOnce() async throws {
        let house = try await house()
        let image = house.upstream.addImage(to: "a/b", layer: noise(10)).manifest
        var (named, size) = (image, 400)
        // 10^9 paths lead from the top to the image.
        for _ in 0..<3 {
            let list = ByteBuffer(string: Manifests.index(Array(repeating: (named, size), count: 1_000)))
            (named, size) = (
                house.upstream.add(manifest: list, mediaType: MediaType.ociIndex, to: "a/b", tags: ["deep"]), list.readableBytes
            )
        }
        let pulls = house.registry.pulls
        let wanted = WarmImage(name: try RepositoryName("ecr-public/a/b"), reference: try WeirCore.Reference("deep"))
        let id = try pulls.warmups.begin([wanted], in: house.id, for: house.caller).id
        try await house.eventually { pulls.warmups.job(id, in: house.id)?.isFinished == true }
        let job = try #require(pulls.warmups.job(id, in: house.id))
        #expect(job.images.map(\.state) == [.done], "\(job.images[0].failure ?? "")")
        #expect(job.images[0].manifests == 4)
        #expect(house.upstream.count(.manifest) == 4)
    }

    // MARK: Why

    @Test func whySaysWhatAPullWouldDo() async throws {
        let house = try await house()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10)).manifest
        let cold = try await why("1", "ecr-public/a/b", house)
        #expect(cold.decision == .fetch && cold.upstreamDigest == image && cold.heldDigest == nil)
        #expect(cold.steps.contains { $0.subject == .template })
        #expect(try await house.registry.repositories.find(RepositoryName("ecr-public/a/b"), in: house.id) == nil)
        _ = try await house.pull("1", "ecr-public/a/b")
        try await house.eventually { house.stagedFiles.isEmpty && house.upstream.count(.blob) == 2 }
        let held = try await why("1", "ecr-public/a/b", house)
        #expect(held.decision == .hit && held.heldDigest == image)
        house.pass(.seconds(90_000))
        #expect(try await why("1", "ecr-public/a/b", house).decision == .revalidate)
        house.upstream.fail(.unavailable)
        #expect(try await why("1", "ecr-public/a/b", house).decision == .stale)
        #expect(try await why("\(image)", "ecr-public/a/b", house).decision == .hit)
        #expect(try await why("2", "ecr-public/a/b", house).decision == .refuse)
        let none = try await why("1", "elsewhere/x", house)
        #expect(none.decision == .refuse && none.steps.first?.finding == "No rule covers elsewhere/x")
        // The explanation changed nothing: a pull asks upstream itself, and is served what is held.
        #expect(try await house.pull("1", "ecr-public/a/b").warning != nil)
    }

    @Test(
        "An upstream that is silent is told from one that says no",
        arguments: [
            (UpstreamError.Kind.unavailable, "Upstream cannot be asked now: "),
            (.rateLimited, "Upstream takes no more questions now: "),
            (.notFound, "Upstream does not have it: "), (.denied, "Upstream does not give it: "),
            (.guarded, "Upstream does not give it: "), (.invalid, "Upstream was asked, and its answer cannot be used: "),
        ])
    func whyTellsSilenceFromNo(kind: UpstreamError.Kind, beginning: String) async throws {
        let house = try await house()
        house.upstream.fail(kind)
        let cold = try await why("1", "ecr-public/a/b", house)
        #expect(cold.decision == .refuse && cold.reason.hasPrefix(beginning), "\(cold.reason)")
        house.upstream.recover()
        house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(10))
        _ = try await house.pull("1", "ecr-public/a/b")
        house.pass(.seconds(90_000))
        house.upstream.fail(kind)
        let held = try await why("1", "ecr-public/a/b", house)
        #expect(held.decision == .stale && held.reason.contains(beginning), "\(held.reason)")
    }

    @Test func whyTellsWhichPlatformsAreHere() async throws {
        let house = try await house()
        let images = (0..<2).map { house.upstream.addImage(to: "a/b", layer: noise(10 + $0)) }
        let platforms = [#"{"os":"linux","architecture":"amd64"}"#, #"{"os":"linux","architecture":"arm","variant":"v7"}"#]
        var children = zip(images, platforms).map { image, platform in
            #"{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(image.manifest)","size":400,"platform":\#(platform)}"#
        }
        // A manifest beside an image, such as an attestation, is no platform.
        children.append(
            #"{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(images[0].manifest)","size":400,"#
                + #""platform":{"os":"unknown","architecture":"unknown"}}"#)
        let list =
            #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[\#(children.joined(separator: ","))]}"#
        house.upstream.add(manifest: ByteBuffer(string: list), mediaType: MediaType.ociIndex, to: "a/b", tags: ["list"])
        func told() async throws -> String? {
            try await why("list", "ecr-public/a/b", house).steps.first { $0.subject == .platforms }?.finding
        }
        #expect(try await told() == nil, "nothing is held")
        _ = try await house.pull("list", "ecr-public/a/b")
        #expect(
            try await told() == "0 of 2 platforms are here. Fetched when a client asks for them: linux/amd64, linux/arm/v7")
        _ = try await house.pull("\(images[1].manifest)", "ecr-public/a/b")
        try await house.eventually { try await told()?.contains("arm/v7. ") == true }
        #expect(
            try await told() == "1 of 2 platforms is here: linux/arm/v7. Fetched when a client asks for them: linux/amd64")
        _ = try await house.pull("\(images[0].manifest)", "ecr-public/a/b")
        try await house.eventually { try await told()?.hasSuffix("linux/amd64, linux/arm/v7") == true }
        #expect(try await told() == "2 of 2 platforms are here: linux/amd64, linux/arm/v7")
        #expect(try await why("\(images[0].manifest)", "ecr-public/a/b", house).steps.allSatisfy { $0.subject != .platforms })
    }
}
