import ConformanceSuites
import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirRegistry
import WeirVault

@Suite struct ReplicationTests {
    private final class Told: EventSink {
        let events = Mutex<[Event]>([])
        func emit(_ event: Event) { events.withLock { $0.append(event) } }
        var replications: [Event] { events.withLock { $0 }.filter { $0.detailType == .replicationAction } }
    }

    private let told = Told()
    private let test: TestRegistry
    private let name: RepositoryName
    private let abroad: RegistryID
    private let other: RegistryID

    init() async throws {
        test = try await TestRegistry(events: told)
        name = try RepositoryName("prod/app")
        abroad = RegistryID(account: test.id.account, region: try Region("eu-west-1"))
        other = RegistryID(account: try AccountID("444455556666"), region: try Region("us-east-2"))
        _ = try await test.registry.repositories.create(name, in: test.id, settings: RepositorySettings())
    }

    private func replicate(to destinations: [RegistryID], prefixes: [String]? = nil) async throws {
        try await test.registry.settings.setReplication(
            ReplicationConfiguration(rules: [
                .init(
                    destinations: destinations.map { .init(region: "\($0.region)", registryID: "\($0.account)") },
                    prefixes: prefixes)
            ]), of: test.id)
    }

    /// Pushes an image of one layer.
    private func push(_ tag: String?, seed: UInt64 = 1, to name: String = "prod/app") async throws -> Digest {
        let layer = noise(200_000, seed: seed)
        let config = try await test.push(ByteBuffer(string: "{}"), to: name)
        let digest = try await test.push(layer, to: name)
        let text = Manifests.image(config: config, size: 2, layers: [(digest, 200_000)])
        return try await test.registry.images.put(
            ByteBuffer(string: text), contentType: nil, as: try tag.map { .tag(try Tag($0)) }, in: RepositoryName(name),
            of: test.id
        ).digest
    }

    private func states(_ digest: Digest) async throws -> [RegistryID: String] {
        let statuses = try await test.registry.replication.statuses(of: digest, in: name, of: test.id)
        return Dictionary(
            uniqueKeysWithValues: statuses.map { ($0.destination, $0.failure ?? $0.state.rawValue) })
    }

    private func pulled(_ reference: String, from registry: RegistryID) async throws -> Digest? {
        do {
            return try await test.registry.pulls.manifests.pull(
                Reference(reference), in: name, of: registry, for: test.caller
            ).digest
        } catch let refusal as Refusal where [.imageNotFound, .repositoryNotFound].contains(refusal.reason) {
            return nil
        }
    }

    @Test func aPushedImageIsWholeInAnotherRegion() async throws {
        try await replicate(to: [abroad])
        let digest = try await push("v1")
        #expect(try await states(digest) == [abroad: "IN_PROGRESS"])
        await test.registry.replication.makeDueCopies()
        #expect(try await states(digest) == [abroad: "COMPLETE"])
        #expect(try await pulled("v1", from: abroad) == digest)
        let layer = Digest(of: noise(200_000).readableBytesView)
        let copy = try await test.registry.pulls.blobs.pull(layer, in: name, of: abroad, for: test.caller)
        #expect(try await copy.wholeBody() == noise(200_000))
        #expect(told.replications.count == 1)
        #expect(told.replications.first?.resources == ["arn:aws:ecr:eu-west-1:111122223333:repository/prod/app"])
    }

    @Test func aListTakesItsImagesAlong() async throws {
        let child = try await push(nil)
        try await replicate(to: [abroad])
        let size = try await test.registry.images.describe(
            [ImageIDRequest(digest: "\(child)", tag: nil)], in: name, of: test.id)
        #expect(size.count == 1)
        let bytes = try await test.pull("\(child)", "prod/app").bytes.readableBytes
        let list = try await test.registry.images.put(
            ByteBuffer(string: Manifests.index([(child, bytes)])), contentType: nil, as: .tag(try Tag("all")), in: name,
            of: test.id)
        await test.registry.replication.makeDueCopies()
        #expect(try await states(list.digest) == [abroad: "COMPLETE"])
        #expect(try await pulled("all", from: abroad) == list.digest)
        #expect(try await pulled("\(child)", from: abroad) == child)
    }

    @Test func onlyWhatTheFiltersNameAndWhatIsPushedAfterwards() async throws {
        let before = try await push("before")
        try await replicate(to: [abroad], prefixes: ["dev", "pro"])
        let after = try await push("after", seed: 2)
        _ = try await test.registry.repositories.create(
            RepositoryName("team/app"), in: test.id, settings: RepositorySettings())
        let elsewhere = try await push("x", seed: 3, to: "team/app")
        await test.registry.replication.makeDueCopies()
        #expect(try await states(before).isEmpty)
        #expect(try await states(after) == [abroad: "COMPLETE"])
        let others = try await test.registry.replication.statuses(
            of: elsewhere, in: RepositoryName("team/app"), of: test.id)
        #expect(others.isEmpty)
        #expect(try await pulled("before", from: abroad) == nil)
    }

    @Test func anotherAccountDecidesByItsRegistryPolicy() async throws {
        try await replicate(to: [other])
        let refused = try await push("v1")
        await test.registry.replication.makeDueCopies()
        #expect(try await states(refused) == [other: "AccessDenied"])
        try await test.registry.settings.setPolicy(
            """
            {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},\
            "Action":["ecr:CreateRepository","ecr:ReplicateImage"],"Resource":"arn:aws:ecr:us-east-2:444455556666:repository/*"}]}
            """, of: other)
        let taken = try await push("v2", seed: 2)
        await test.registry.replication.makeDueCopies()
        #expect(try await states(taken) == [other: "COMPLETE"])
        #expect(try await pulled("v2", from: other) == taken)
        #expect(try await pulled("v1", from: other) == nil)
    }

    @Test func aCopyIsNotCopiedOn() async throws {
        let third = RegistryID(account: test.id.account, region: try Region("ap-south-1"))
        try await replicate(to: [abroad])
        try await test.registry.settings.setReplication(
            ReplicationConfiguration(rules: [
                .init(destinations: [.init(region: "\(third.region)", registryID: "\(third.account)")], prefixes: nil)
            ]), of: abroad)
        _ = try await push("v1")
        await test.registry.replication.makeDueCopies()
        await test.registry.replication.makeDueCopies()
        #expect(try await pulled("v1", from: abroad) != nil)
        #expect(try await test.registry.repositories.find(name, in: third) == nil)
    }

    @Test func aMovedTagEndsWhereItIsNow() async throws {
        try await replicate(to: [abroad])
        let first = try await push("latest")
        let second = try await push("latest", seed: 2)
        await test.registry.replication.makeDueCopies()
        #expect(try await pulled("latest", from: abroad) == second)
        #expect(try await pulled("\(first)", from: abroad) == first)
    }

    @Test func anImmutableTagOverThereStays() async throws {
        try await replicate(to: [abroad])
        let first = try await push("v1")
        await test.registry.replication.makeDueCopies()
        _ = try await test.registry.repositories.setMutability(
            TagMutability(.immutable, excluding: []), of: name, in: abroad)
        let second = try await push("v1", seed: 2)
        await test.registry.replication.makeDueCopies()
        #expect(try await states(second) == [abroad: "ImageTagAlreadyExists"])
        #expect(try await pulled("v1", from: abroad) == first)
        #expect(try await pulled("\(second)", from: abroad) == second)
    }

    @Test func theDestinationsTemplateMakesItsRepository() async throws {
        let key = try await test.keys.create(NewKey(), in: abroad)
        _ = try await test.registry.templates.create(
            TemplateDraft(
                prefix: try Prefix("prod", lengths: 1...256), encryption: .init(type: "KMS", kmsKey: key.arn),
                appliedFor: [.replication]), in: abroad)
        try await replicate(to: [abroad])
        let digest = try await push("v1")
        await test.registry.replication.makeDueCopies()
        #expect(try await states(digest) == [abroad: "COMPLETE"])
        #expect(try await test.registry.repositories.find(name, in: abroad)?.encryption == .kms(keyARN: key.arn))
    }

    @Test func theSameRegistryIsNoDestination() async throws {
        let refusal = await #expect(throws: Refusal.self) { try await replicate(to: [test.id]) }
        #expect(refusal?.message.contains("Replication destination cannot be the same as the source registry") == true)
        let many = try (0..<26).map { RegistryID(account: test.id.account, region: try Region("region-\($0)")) }
        await #expect(throws: Refusal.self) { try await replicate(to: many) }
    }

    @Test func whatThisServerCannotDoNowIsTriedAgain() async throws {
        try await replicate(to: [abroad])
        let digest = try await push("v1")
        let layer = Digest(of: noise(200_000).readableBytesView)
        try test.flipByte(of: layer, at: 100_000)
        await test.registry.replication.makeDueCopies()
        #expect(try await states(digest) != [abroad: "COMPLETE"])
        #expect(try await pulled("v1", from: abroad) == nil)
    }

    // MARK: What hostile images do

    @Test func aCachedImageGivesNothingThatItsOwnRepositoryNeverGot() async throws {
        // Another repository's layer is stored here. A stranger knows its digest, and the stranger's own upstream names it.
        let secret = noise(50_000, seed: 9)
        _ = try await test.registry.repositories.create(
            RepositoryName("secret/x"), in: test.id, settings: RepositorySettings())
        try await test.push(secret, to: "secret/x")
        // The layer is stored under the destination's key as well, for another repository.
        try await replicate(to: [abroad], prefixes: ["secret"])
        try await pushOver(secret, config: "{}", in: "secret/x")
        await test.registry.replication.makeDueCopies()
        try await test.rule("evil")
        let child = ByteBuffer(
            string: Manifests.image(
                config: Digest(of: ByteBuffer(string: "{}").readableBytesView), size: 2,
                layers: [(Digest(of: secret.readableBytesView), secret.readableBytes)]))
        test.upstream.add(blob: ByteBuffer(string: "{}"), to: "app")
        let digest = test.upstream.add(manifest: child, to: "app", tags: ["1"])
        _ = try await test.pull("\(digest)", "evil/app")
        try await test.eventually { test.upstream.requests.contains { $0.kind == .blobSize } }
        try await replicate(to: [abroad], prefixes: ["evil"])
        let list = try await test.registry.images.put(
            ByteBuffer(string: Manifests.index([(digest, child.readableBytes)])), contentType: nil, as: .tag(try Tag("all")),
            in: RepositoryName("evil/app"), of: test.id)
        await test.registry.replication.makeDueCopies()
        let evil = try RepositoryName("evil/app")
        let refusal = await #expect(throws: Refusal.self) {
            try await test.registry.pulls.blobs.pull(
                Digest(of: secret.readableBytesView), in: evil, of: abroad, for: test.caller)
        }
        #expect(refusal?.reason == .blobUnknown || refusal?.reason == .repositoryNotFound)
        let statuses = try await test.registry.replication.statuses(of: list.digest, in: evil, of: test.id)
        #expect(statuses.map(\.state) != [.complete])
    }

    /// An image of that one layer, which has been pushed.
    private func pushOver(_ layer: ByteBuffer, config: String, in name: String) async throws {
        let config = try await test.push(ByteBuffer(string: config), to: name)
        _ = try await test.registry.images.put(
            ByteBuffer(
                string: Manifests.image(
                    config: config, size: 2, layers: [(Digest(of: layer.readableBytesView), layer.readableBytes)])),
            contentType: nil, as: .tag(try Tag("1")), in: RepositoryName(name), of: test.id)
    }

    /// Pushes an index over `children`, each named `times` times.
    private func pushList(of children: [(Digest, Int)], times: Int, tag: String? = nil) async throws -> (Digest, Int) {
        let named = (0..<times).flatMap { _ in children }
        let text = ByteBuffer(string: Manifests.index(named))
        let put = try await test.registry.images.put(
            text, contentType: nil, as: try tag.map { .tag(try Tag($0)) }, in: name, of: test.id)
        return (put.digest, text.readableBytes)
    }

    @Test func listsThatNameEachOtherAgainAndAgainAreCopiedOnce() async throws {
        let image = try await push(nil)
        let bytes = try await test.pull("\(image)", "prod/app").bytes.readableBytes
        try await replicate(to: [abroad])
        // 40^4 paths lead to the image.
        let first = try await pushList(of: [(image, bytes)], times: 40)
        let second = try await pushList(of: [first], times: 40)
        let third = try await pushList(of: [second], times: 40)
        let top = try await pushList(of: [third], times: 40, tag: "deep")
        await test.registry.replication.makeDueCopies()
        #expect(try await states(top.0) == [abroad: "COMPLETE"])
        #expect(try await pulled("deep", from: abroad) == top.0)
        #expect(try await pulled("\(image)", from: abroad) == image)
    }

    @Test func aWalkSeesEachOnceAndEnds() throws {
        func digest(_ text: String) -> Digest { Digest(of: ByteBuffer(string: text).readableBytesView) }
        var walk = ImageWalk()
        var entered = [try walk.enters(digest("a"), depth: 0), try walk.enters(digest("a"), depth: 9)]
        #expect(entered == [true, false])
        #expect(throws: Refusal.self) { try walk.enters(digest("b"), depth: ImageWalk.deepest + 1) }
        entered = try (0..<(ImageWalk.most - 1)).map { try walk.enters(digest("\($0)"), depth: 1) }
        #expect(entered.allSatisfy { $0 })
        #expect(throws: Refusal.self) { try walk.enters(digest("b"), depth: 1) }
    }
}
