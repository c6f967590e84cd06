import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry
import WeirStorage
import WeirVault

@Suite struct PullsTests {
    @Test func aFirstPullStoresTheImageAndTheSecondAsksNobody() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "nginx/nginx", tags: ["latest"], layer: noise(300_000))
        let first = try await house.pull("latest", "ecr-public/nginx/nginx")
        #expect(first.digest == image.manifest)
        #expect(try await house.bytes(image.layer, "ecr-public/nginx/nginx") == noise(300_000))
        _ = try await house.bytes(image.config, "ecr-public/nginx/nginx")
        try await house.eventually { house.stagedFiles.isEmpty }
        house.upstream.forgetRequests()
        house.upstream.fail(.unavailable)
        let second = try await house.pull("latest", "ecr-public/nginx/nginx")
        #expect(second.digest == image.manifest && second.bytes == first.bytes && second.warning == nil)
        #expect(try await house.bytes(image.layer, "ecr-public/nginx/nginx") == noise(300_000))
        #expect(house.upstream.requests.isEmpty)
    }

    @Test func manyClientsShareOneTransfer() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let layer = noise(1_500_000)
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: layer)
        house.upstream.holdBlobs(at: 400_000)
        _ = try await house.pull("1", "ecr-public/a/b")
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            for _ in 0..<16 { group.addTask { try await house.bytes(image.layer, "ecr-public/a/b") } }
            try await house.upstream.untilHeld()
            house.upstream.release()
            for try await body in group { #expect(body == layer) }
        }
        #expect(house.upstream.offsets(of: image.layer) == [0])
    }

    @Test func bytesArriveBeforeTheTransferHasEnded() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(600_000))
        house.upstream.holdBlobs(at: 500_000)
        _ = try await house.pull("1", "ecr-public/a/b")
        let blob = try await house.blob(image.layer, "ecr-public/a/b")
        #expect(blob.size == 600_000)
        #expect(try await blob.body.read(at: 0, upTo: 1_000).readableBytes == 1_000)
        #expect(try await blob.body.read(at: 200_000, upTo: 1_000).readableBytes == 1_000)
        house.upstream.release()
        #expect(try await blob.wholeBody() == noise(600_000))
    }

    @Test(
        "What is wrong with the content never completes and is never stored",
        arguments: [FakeUpstream.Flaw.wrongByte(at: 10), .tooFew(1), .tooMany(1), .breaks(at: 150_000)])
    func wrongContent(flaw: FakeUpstream.Flaw) async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(200_000))
        house.upstream.spoil(image.layer, flaw)
        _ = try await house.pull("1", "ecr-public/a/b")
        await #expect(throws: (any Error).self) { try await house.bytes(image.layer, "ecr-public/a/b") }
        try await house.eventually { house.stagedFiles.isEmpty }
        house.upstream.recover()
        #expect(try await house.bytes(image.layer, "ecr-public/a/b") == noise(200_000))
    }

    @Test func aClientThatHangsUpDoesNotEndTheTransfer() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(400_000))
        house.upstream.holdBlobs(at: 100_000)
        _ = try await house.pull("1", "ecr-public/a/b")
        let client = Task { try await house.bytes(image.layer, "ecr-public/a/b") }
        try await house.upstream.untilHeld()
        client.cancel()
        _ = await client.result
        house.upstream.release()
        #expect(try await house.bytes(image.layer, "ecr-public/a/b") == noise(400_000))
        #expect(house.upstream.offsets(of: image.layer) == [0])
    }

    @Test func aTagIsCheckedOnceItsWindowIsOverAndMovesWithUpstream() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let old = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000))
        _ = try await house.pull("1", "ecr-public/a/b")
        let new = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000, seed: 2))
        #expect(try await house.pull("1", "ecr-public/a/b").digest == old.manifest)
        house.pass(.seconds(24 * 3600))
        #expect(try await house.pull("1", "ecr-public/a/b").digest == new.manifest)
        #expect(house.upstream.count(.resolve) == 1)
        #expect(try await house.pull("1", "ecr-public/a/b").digest == new.manifest)
        #expect(house.upstream.count(.resolve) == 1)
    }

    @Test func aDeadUpstreamIsAskedOnceAndWhatIsHeldIsServedWithAWarning() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000))
        _ = try await house.pull("1", "ecr-public/a/b")
        house.pass(.seconds(25 * 3600))
        for kind in [UpstreamError.Kind.unavailable, .denied, .rateLimited, .notFound, .invalid, .guarded] {
            house.upstream.recover()
            house.upstream.forgetRequests()
            house.upstream.fail(kind)
            for _ in 0..<3 {
                let served = try await house.pull("1", "ecr-public/a/b")
                #expect(served.digest == image.manifest && served.warning != nil)
            }
            #expect(house.upstream.count(.resolve) == 1)
            house.pass(.seconds(61))
        }
    }

    @Test func anImmutableTagStaysWhenUpstreamMovesIt() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let old = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000))
        _ = try await house.pull("1", "ecr-public/a/b")
        _ = try await house.registry.repositories.setMutability(
            TagMutability(.immutable), of: RepositoryName("ecr-public/a/b"), in: house.id)
        house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000, seed: 2))
        house.pass(.seconds(25 * 3600))
        #expect(try await house.pull("1", "ecr-public/a/b").digest == old.manifest)
    }

    @Test func aPushedTagIsNeverReplacedByUpstream() async throws {
        let house = try await TestRegistry()
        try await house.rule("ROOT")
        house.upstream.addImage(to: "mine/app", tags: ["1"], layer: noise(1_000))
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let manifest = ByteBuffer(string: Manifests.image(config: config, size: 2))
        let put = try await house.registry.images.put(
            manifest, contentType: MediaType.ociManifest, as: .tag(Tag("1")), in: name, of: house.id)
        house.pass(.seconds(48 * 3600))
        #expect(try await house.pull("1", "mine/app").digest == put.digest)
        #expect(house.upstream.requests.isEmpty)
    }

    @Test func aFirstPullByDigestWorksAndIsNeverChecked() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", layer: noise(1_000))
        #expect(try await house.pull("\(image.manifest)", "ecr-public/a/b").digest == image.manifest)
        house.pass(.seconds(48 * 3600))
        house.upstream.fail(.unavailable)
        #expect(try await house.pull("\(image.manifest)", "ecr-public/a/b").digest == image.manifest)
        let page = try await house.registry.images.list(
            in: RepositoryName("ecr-public/a/b"), of: house.id, .any, after: nil, limit: 10)
        #expect(page.items == [ImageID(digest: image.manifest, tag: nil)])
    }

    @Test(
        "Why a first pull fails is told apart",
        arguments: [
            (UpstreamError.Kind.denied, Refusal.Reason.upstreamDenied), (.notFound, .imageNotFound),
            (.rateLimited, .upstreamRateLimited), (.unavailable, .upstreamUnavailable), (.invalid, .upstreamInvalid),
            (.guarded, .upstreamDenied),
        ])
    func failures(kind: UpstreamError.Kind, reason: Refusal.Reason) async throws {
        let house = try await TestRegistry()
        try await house.rule()
        house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000))
        house.upstream.fail(kind)
        let refusal = await #expect(throws: Refusal.self) { try await house.pull("1", "ecr-public/a/b") }
        #expect(refusal?.reason == reason)
        #expect(try await house.registry.repositories.find(RepositoryName("ecr-public/a/b"), in: house.id) == nil)
    }

    @Test func aDigestNeverOpensAnotherRepositorysContent() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let secret = house.upstream.addImage(to: "private/x", tags: ["1"], layer: noise(50_000))
        house.upstream.addImage(to: "public/y", tags: ["1"], layer: noise(10))
        _ = try await house.pull("1", "ecr-public/private/x")
        _ = try await house.bytes(secret.layer, "ecr-public/private/x")
        _ = try await house.pull("1", "ecr-public/public/y")
        let refusal = await #expect(throws: Refusal.self) { try await house.bytes(secret.layer, "ecr-public/public/y") }
        #expect(refusal?.reason == .blobUnknown)
        let name = try RepositoryName("plain/z")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        await #expect(throws: Refusal.self) { try await house.bytes(secret.layer, "plain/z") }
    }

    @Test func contentThatTwoUpstreamRepositoriesHaveIsFetchedOnce() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let first = house.upstream.addImage(to: "a/x", tags: ["1"], layer: noise(50_000))
        house.upstream.addImage(to: "a/y", tags: ["1"], layer: noise(50_000))
        _ = try await house.pull("1", "ecr-public/a/x")
        _ = try await house.bytes(first.layer, "ecr-public/a/x")
        _ = try await house.pull("1", "ecr-public/a/y")
        #expect(try await house.bytes(first.layer, "ecr-public/a/y") == noise(50_000))
        #expect(house.upstream.offsets(of: first.layer) == [0])
    }

    @Test func aDamagedCachedBlobIsFetchedAgainWhileItIsRead() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(500_000))
        _ = try await house.pull("1", "ecr-public/a/b")
        _ = try await house.bytes(image.layer, "ecr-public/a/b")
        try await house.eventually { house.stagedFiles.isEmpty }
        try house.flipByte(of: image.layer, at: 300_000)
        #expect(try await house.bytes(image.layer, "ecr-public/a/b") == noise(500_000))
        #expect(house.upstream.offsets(of: image.layer) == [0, 0])
    }

    @Test func aDamagedPushedBlobIsRefusedAndNeverServedInPart() async throws {
        let house = try await TestRegistry()
        let name = try RepositoryName("mine")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        let digest = try await house.push(noise(500_000), to: "mine")
        try house.flipByte(of: digest, at: 300_000)
        await #expect(throws: (any Error).self) { try await house.bytes(digest, "mine") }
        let refusal = await #expect(throws: Refusal.self) { try await house.bytes(digest, "mine") }
        #expect(refusal?.reason == .contentDamaged)
    }

    @Test func aDisabledKeyStopsPullsUntilItIsEnabled() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let key = try await house.keys.create(NewKey(), in: house.id)
        _ = try await house.registry.templates.create(
            TemplateDraft(
                prefix: Prefix("ecr-public", lengths: CreationTemplate.prefixLengths),
                encryption: .init(type: "KMS", kmsKey: key.arn), appliedFor: [.pullThroughCache]), in: house.id)
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(100_000))
        _ = try await house.pull("1", "ecr-public/a/b")
        _ = try await house.bytes(image.layer, "ecr-public/a/b")
        try await house.keys.disable(key.arn, in: house.id)
        let refusal = await #expect(throws: Refusal.self) { try await house.pull("1", "ecr-public/a/b") }
        #expect(refusal?.reason == .kmsKeyDisabled)
        await #expect(throws: Refusal.self) { try await house.bytes(image.layer, "ecr-public/a/b") }
        try await house.keys.enable(key.arn, in: house.id)
        #expect(try await house.bytes(image.layer, "ecr-public/a/b") == noise(100_000))
    }

    @Test func concurrentFirstPullsMakeOneRepository() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        for tag in 0..<12 {
            house.upstream.addImage(to: "a/b", tags: ["t\(tag)"], layer: noise(100, seed: UInt64(tag + 1)))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for tag in 0..<12 { group.addTask { _ = try await house.pull("t\(tag)", "ecr-public/a/b") } }
            try await group.waitForAll()
        }
        let page = try await house.registry.images.tags(
            in: RepositoryName("ecr-public/a/b"), of: house.id, after: nil, limit: 100)
        #expect(page.items.count == 12)
    }

    @Test func aListIsAsLargeAsItsLargestChildOnceThatHasCome() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let child = house.upstream.addImage(to: "a/b", layer: noise(5_000))
        house.upstream.add(
            manifest: ByteBuffer(string: Manifests.index([(child.manifest, 400)])), mediaType: MediaType.ociIndex, to: "a/b",
            tags: ["list"])
        let name = try RepositoryName("ecr-public/a/b")
        _ = try await house.pull("list", "ecr-public/a/b")
        _ = try await house.pull("\(child.manifest)", "ecr-public/a/b")
        let detail = try await house.registry.images.describe(
            [ImageIDRequest(digest: nil, tag: "list")], in: name, of: house.id)
        #expect(detail[0].size > 5_000)
    }

    @Test func aPushThatComesWhileUpstreamIsAskedWins() async throws {
        let house = try await TestRegistry()
        try await house.rule("ROOT")
        house.upstream.addImage(to: "mine/app", tags: ["1"], layer: noise(1_000))
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        house.upstream.hold(.manifest)
        let pull = Task { try await house.pull("1", "mine/app") }
        try await house.upstream.untilHeld()
        let put = try await house.registry.images.put(
            ByteBuffer(string: Manifests.image(config: config, size: 2)), contentType: nil, as: .tag(Tag("1")), in: name,
            of: house.id)
        house.upstream.release()
        #expect(try await pull.value.digest == put.digest)
        #expect(try await house.pull("1", "mine/app").digest == put.digest)
    }

    @Test func oneRepositorysFailureIsNotAnothers() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let layer = noise(200_000)
        let first = house.upstream.addImage(to: "a/x", tags: ["1"], layer: layer)
        house.upstream.addImage(to: "a/y", tags: ["1"], layer: layer)
        house.upstream.holdBlobs(at: 100_000)
        _ = try await house.pull("1", "ecr-public/a/x")
        _ = try await house.pull("1", "ecr-public/a/y")
        let other = Task { try await house.bytes(first.layer, "ecr-public/a/y") }
        try await house.upstream.untilHeld()
        _ = try await house.registry.repositories.delete(
            RepositoryName("ecr-public/a/x"), in: house.id, images: .deletedToo)
        house.upstream.release()
        #expect(try await other.value == layer)
        #expect(house.upstream.offsets(of: first.layer) == [0])
    }

    @Test func pushingADamagedManifestAgainMendsIt() async throws {
        let house = try await TestRegistry()
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let manifest = ByteBuffer(string: Manifests.image(config: config, size: 2))
        for tag in ["a", "b"] {
            _ = try await house.registry.images.put(
                manifest, contentType: nil, as: .tag(Tag(tag)), in: name, of: house.id)
        }
        _ = try await house.database.write { try $0.execute("UPDATE image SET manifest = $1", [.bytes([1, 2, 3])]) }
        let refusal = await #expect(throws: Refusal.self) { try await house.pull("a", "mine/app") }
        #expect(refusal?.reason == .contentDamaged)
        _ = try await house.registry.images.put(
            manifest, contentType: nil, as: .tag(Tag("a")), in: name, of: house.id)
        #expect(try await house.pull("b", "mine/app").bytes == manifest)
    }
}
