import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry

/// Pushes of manifests and tags, layers, mounts, and create on push.
@Suite struct PushTests {
    private func house(_ mutability: TagMutability = .mutable) async throws -> (TestRegistry, RepositoryName) {
        let house = try await TestRegistry()
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(
            name, in: house.id, settings: RepositorySettings(mutability: mutability))
        return (house, name)
    }

    private func put(_ push: ImagePush, _ house: TestRegistry, _ name: RepositoryName) async throws -> PutImage {
        try await house.registry.images.put(push, in: name, of: house.id)
    }

    private func refusal(
        _ text: String, _ house: TestRegistry, _ name: RepositoryName, as type: String? = nil
    ) async -> Refusal? {
        await #expect(throws: Refusal.self) {
            try await self.put(ImagePush(ByteBuffer(string: text), contentType: type), house, name)
        }
    }

    @Test func aPushOnTopOfACachedImageWaitsForLayersThatAreOnTheirWay() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(100_000))
        house.upstream.holdBlobs(at: 0)
        let cached = try await house.pull("1", "ecr-public/a/b")
        let name = try RepositoryName("ecr-public/a/b")
        let text = "{\"annotations\":{\"on\":\"top\"}," + String(buffer: cached.bytes).dropFirst()
        let push = ImagePush(ByteBuffer(string: text), contentType: cached.mediaType, tags: [try Tag("mine")])
        let refusal = await #expect(throws: Refusal.self) { try await self.put(push, house, name) }
        #expect(refusal?.reason == .layersNotFound)
        async let pushed = house.registry.pulls.pushes.put(push, in: name, of: house.id, for: house.caller)
        house.upstream.release()
        #expect(try await pushed.digest != cached.digest)
        #expect(try await house.bytes(image.layer, "ecr-public/a/b").readableBytes == 100_000)
    }

    @Test func aPushWhoseLayersUpstreamCannotBeAskedForSaysSo() async throws {
        let house = try await TestRegistry()
        try await house.rule()
        _ = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000))
        house.upstream.fail(.unavailable, on: [.blob, .blobSize])
        let cached = try await house.pull("1", "ecr-public/a/b")
        let text = "{\"annotations\":{\"on\":\"top\"}," + String(buffer: cached.bytes).dropFirst()
        let push = ImagePush(ByteBuffer(string: text), contentType: cached.mediaType, tags: [try Tag("mine")])
        let refusal = await #expect(throws: Refusal.self) {
            _ = try await house.registry.pulls.pushes.put(
                push, in: RepositoryName("ecr-public/a/b"), of: house.id, for: house.caller)
        }
        #expect(refusal?.reason == .upstreamUnavailable)
    }

    // MARK: - Manifests

    @Test func severalTagsAreAllOrNothing() async throws {
        let (house, name) = try await house(TagMutability(.immutable))
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let one = ByteBuffer(string: Manifests.image(config: config, size: 2))
        let two = ByteBuffer(string: Manifests.image(config: config, size: 2) + " ")
        let tags = try ["a", "b", "c"].map { try Tag($0) }
        _ = try await put(ImagePush(one, contentType: nil, tags: [tags[1]]), house, name)
        let refusal = await #expect(throws: Refusal.self) {
            try await self.put(ImagePush(two, contentType: nil, tags: tags), house, name)
        }
        #expect(refusal?.reason == .imageTagAlreadyExists)
        #expect(try await house.registry.images.tags(in: name, of: house.id, after: nil, limit: 9).items == [tags[1]])
        let moved = try await put(ImagePush(one, contentType: nil, tags: tags), house, name)
        #expect(!moved.wasAlreadyThere)
        #expect(try await house.registry.images.tags(in: name, of: house.id, after: nil, limit: 9).items == tags)
        #expect(try await put(ImagePush(one, contentType: nil, tags: tags), house, name).wasAlreadyThere)
    }

    @Test func ecrsOwnPutRefusesWhatIsThereAlready() async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let bytes = ByteBuffer(string: Manifests.image(config: config, size: 2))
        let tagged = ImagePush(bytes, contentType: nil, tags: [try Tag("v1")], whereAlreadyThere: .refused)
        _ = try await put(tagged, house, name)
        let again = await #expect(throws: Refusal.self) { try await self.put(tagged, house, name) }
        #expect(again?.reason == .imageAlreadyExists)
        let untagged = ImagePush(bytes, contentType: nil, whereAlreadyThere: .refused)
        let bare = await #expect(throws: Refusal.self) { try await self.put(untagged, house, name) }
        #expect(bare?.reason == .imageAlreadyExists)
        let other = ImagePush(bytes, contentType: nil, tags: [try Tag("v2")], whereAlreadyThere: .refused)
        #expect(try await put(other, house, name).wasAlreadyThere == false)
    }

    @Test func whatAManifestTellsWrongIsRefused() async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let size = await refusal(Manifests.image(config: config, size: 3), house, name)
        #expect(size?.reason == .manifestInvalid && size?.message.contains("has 2 bytes, not the 3") == true)
        let good = Manifests.image(config: config, size: 2)
        let child = try await put(ImagePush(ByteBuffer(string: good), contentType: nil), house, name)
        let list = await refusal(Manifests.index([(child.digest, good.utf8.count + 1)]), house, name)
        #expect(list?.reason == .manifestInvalid)
        let noLayers = """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest)","config":{"mediaType":"a/b","digest":"\(config)","size":2}}
            """
        #expect(await refusal(noLayers, house, name)?.message.contains("lacks 'layers'") == true)
        let md5 = good.replacing("\(config)", with: "md5:d41d8cd98f00b204e9800998ecf8427e")
        #expect(await refusal(md5, house, name)?.reason == .manifestInvalid)
    }

    @Test func manifestsOfTypesThatNobodyKnowsAreKeptAsTheyCome() async throws {
        let (house, name) = try await house()
        let text = #"{"mediaType":"application/vnd.example.thing+json","config":"not a descriptor","layers":7}"#
        let put = try await put(ImagePush(ByteBuffer(string: text), contentType: nil, tags: [try Tag("x")]), house, name)
        #expect(put.mediaType == "application/vnd.example.thing+json")
        #expect(try await house.pull("x", "mine/app").bytes == ByteBuffer(string: text))
        let bare = try await self.put(
            ImagePush(ByteBuffer(string: "{}"), contentType: "application/vnd.example.other+json"), house, name)
        #expect(bare.mediaType == "application/vnd.example.other+json")
        #expect(await refusal("[]", house, name, as: "application/vnd.example.other+json")?.reason == .manifestInvalid)
    }

    // MARK: - Layers

    @Test func aDeletedBlobIsGoneUnlessAnImageNamesIt() async throws {
        let (house, name) = try await house()
        let layers = house.registry.layers
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let loose = try await house.push(noise(100), to: "mine/app")
        _ = try await put(
            ImagePush(ByteBuffer(string: Manifests.image(config: config, size: 2)), contentType: nil), house, name)
        try await layers.delete(loose, from: name, of: house.id)
        await #expect(throws: Refusal.self) { try await house.blob(loose, "mine/app") }
        let gone = await #expect(throws: Refusal.self) { try await layers.delete(loose, from: name, of: house.id) }
        #expect(gone?.reason == .blobUnknown)
        let named = await #expect(throws: Refusal.self) { try await layers.delete(config, from: name, of: house.id) }
        #expect(named?.reason == .blobReferenced)
        let found = try await layers.availability(of: [config, loose], in: name, of: house.id)
        #expect(found == [config: .available(size: 2), loose: .unavailable])
    }

    @Test func onlyLayersOfImagesAreHandedOutByLink() async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let loose = await #expect(throws: Refusal.self) {
            try await house.registry.layers.checkNamed(config, in: name, of: house.id)
        }
        #expect(loose?.reason == .layerInaccessible)
        let unknown = await #expect(throws: Refusal.self) {
            try await house.registry.layers.checkNamed(Digest(of: [9]), in: name, of: house.id)
        }
        #expect(unknown?.reason == .layersNotFound)
        _ = try await put(
            ImagePush(ByteBuffer(string: Manifests.image(config: config, size: 2)), contentType: nil), house, name)
        try await house.registry.layers.checkNamed(config, in: name, of: house.id)
    }

    // MARK: - Mounts

    private func mount(
        _ digest: Digest, from source: String?, into name: RepositoryName, _ house: TestRegistry, as caller: Caller? = nil
    ) async throws -> Bool {
        try await house.registry.mounts.mount(
            digest, from: source.map { try RepositoryName($0) }, into: name, of: house.id, for: caller ?? house.caller)
    }

    @Test func aMountNeedsTheAccountsSettingAndTheSameKey() async throws {
        let (house, name) = try await house()
        let (other, sealed) = (try RepositoryName("other/app"), try RepositoryName("sealed/app"))
        _ = try await house.registry.repositories.create(other, in: house.id, settings: RepositorySettings())
        var settings = RepositorySettings()
        settings.encryption = .kms(key: nil)
        _ = try await house.registry.repositories.create(sealed, in: house.id, settings: settings)
        let digest = try await house.push(noise(1_000), to: "mine/app")
        #expect(try await !mount(digest, from: "mine/app", into: other, house))
        try await house.registry.settings.set(.blobMounting, to: "ENABLED", of: house.id)
        #expect(try await !mount(digest, from: "mine/app", into: sealed, house))
        #expect(try await !mount(Digest(of: [1]), from: "mine/app", into: other, house))
        #expect(try await !mount(digest, from: "not/there", into: other, house))
        #expect(try await mount(digest, from: "mine/app", into: other, house))
        #expect(try await house.bytes(digest, "other/app") == noise(1_000))
        // A mounted blob stays when the source repository goes.
        _ = try await house.registry.repositories.delete(name, in: house.id, images: .deletedToo)
        #expect(try await house.bytes(digest, "other/app") == noise(1_000))
    }

    @Test func aMountWithoutASourceFindsOneThatTheCallerMayRead() async throws {
        let (house, name) = try await house()
        let other = try RepositoryName("other/app")
        _ = try await house.registry.repositories.create(other, in: house.id, settings: RepositorySettings())
        try await house.registry.settings.set(.blobMounting, to: "ENABLED", of: house.id)
        let digest = try await house.push(noise(1_000), to: "other/app")
        let stranger = Caller.root(of: try AccountID("999988887777"))
        #expect(try await !mount(digest, from: nil, into: name, house, as: stranger))
        #expect(try await mount(digest, from: nil, into: name, house))
        #expect(try await house.bytes(digest, "mine/app") == noise(1_000))
    }

    @Test func whatACacheFetchedIsNotMounted() async throws {
        let (house, name) = try await house()
        try await house.rule()
        try await house.registry.settings.set(.blobMounting, to: "ENABLED", of: house.id)
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000))
        _ = try await house.pull("1", "ecr-public/a/b")
        _ = try await house.bytes(image.layer, "ecr-public/a/b")
        #expect(try await !mount(image.layer, from: "ecr-public/a/b", into: name, house))
        await house.registry.pulls.close()
    }

    // MARK: - Create on push

    @Test func aPushMakesItsRepositoryFromTheTemplate() async throws {
        let house = try await TestRegistry()
        let name = try RepositoryName("team/app")
        let targets = house.registry.pushTargets
        try await targets.prepare(name, of: house.id, for: house.caller)
        #expect(try await house.registry.repositories.find(name, in: house.id) == nil)
        _ = try await house.registry.templates.create(
            TemplateDraft(
                prefix: try Prefix("team", lengths: CreationTemplate.prefixLengths),
                resourceTags: [ResourceTag(key: "team", value: "red")], mutability: .immutable, appliedFor: [.createOnPush]),
            in: house.id)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { try await targets.prepare(name, of: house.id, for: house.caller) } }
            try await group.waitForAll()
        }
        let made = try #require(try await house.registry.repositories.known(name, in: house.id))
        #expect(made.repository.mutability.setting == .immutable)
        #expect(made.tags == [ResourceTag(key: "team", value: "red")])
    }
}
