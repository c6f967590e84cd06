import NIOCore
import Testing
import WeirCore
import WeirRegistry

@Suite struct ImagesTests {
    private func house(_ mutability: TagMutability = .mutable) async throws -> (TestRegistry, RepositoryName) {
        let house = try await TestRegistry()
        let name = try RepositoryName("mine/app")
        _ = try await house.registry.repositories.create(
            name, in: house.id, settings: RepositorySettings(mutability: mutability))
        return (house, name)
    }

    private func put(
        _ text: String, _ reference: String?, _ house: TestRegistry, _ name: RepositoryName
    ) async throws -> PutImage {
        try await house.registry.images.put(
            ByteBuffer(string: text), contentType: nil, as: try reference.map { try Reference($0) }, in: name,
            of: house.id)
    }

    @Test func aManifestComesBackByteForByte() async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let text = Manifests.image(config: config, size: 2) + "\n  "
        let put = try await put(text, "v1", house, name)
        #expect(try await house.pull("v1", "mine/app").bytes == ByteBuffer(string: text))
        #expect(try await house.pull("\(put.digest)", "mine/app").mediaType == MediaType.ociManifest)
    }

    @Test func missingLayersAndChildrenAreNamed() async throws {
        let (house, name) = try await house()
        let absent = Digest(of: [1])
        let layers = await #expect(throws: Refusal.self) {
            try await self.put(Manifests.image(config: absent, size: 1), "v1", house, name)
        }
        #expect(layers?.reason == .layersNotFound && layers?.message.contains(absent.description) == true)
        let children = await #expect(throws: Refusal.self) {
            try await self.put(Manifests.index([(absent, 1)]), "v1", house, name)
        }
        #expect(children?.reason == .referencedImagesNotFound)
    }

    @Test func anImmutableTagRefusesASecondDigestAndTakesTheSameAgain() async throws {
        let (house, name) = try await house(TagMutability(.immutableWithExclusion, excluding: ["dev-*"]))
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let one = Manifests.image(config: config, size: 2)
        let two = one + " "
        _ = try await put(one, "v1", house, name)
        #expect(try await put(one, "v1", house, name).wasAlreadyThere)
        let refusal = await #expect(throws: Refusal.self) { try await self.put(two, "v1", house, name) }
        #expect(refusal?.reason == .imageTagAlreadyExists && refusal?.message.contains("immutable") == true)
        _ = try await put(one, "dev-1", house, name)
        _ = try await put(two, "dev-1", house, name)
        #expect(try await house.pull("dev-1", "mine/app").bytes == ByteBuffer(string: two))
    }

    @Test func aChildCannotGoBeforeItsList() async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let text = Manifests.image(config: config, size: 2)
        let child = try await put(text, nil, house, name)
        let list = try await put(Manifests.index([(child.digest, text.utf8.count)]), "list", house, name)
        let images = house.registry.images
        let ids = [child.digest, list.digest, child.digest].map { ImageIDRequest(digest: $0.description, tag: nil) }
        let (removed, failures) = try await images.batchDelete(ids, in: name, of: house.id)
        #expect(failures.map(\.code) == [.imageReferencedByManifestList])
        #expect(removed.map(\.digest) == [list.digest, child.digest])
    }

    @Test func deletingTheLastTagDeletesTheImage() async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        let text = Manifests.image(config: config, size: 2)
        let image = try await put(text, "a", house, name)
        _ = try await put(text, "b", house, name)
        let images = house.registry.images
        _ = try await images.batchDelete([ImageIDRequest(digest: nil, tag: "a")], in: name, of: house.id)
        #expect(try await house.pull("\(image.digest)", "mine/app").digest == image.digest)
        _ = try await images.batchDelete([ImageIDRequest(digest: nil, tag: "b")], in: name, of: house.id)
        await #expect(throws: Refusal.self) { try await house.pull("\(image.digest)", "mine/app") }
    }

    @Test func listsPageWithoutLosingOrRepeating() async throws {
        let (house, name) = try await house()
        let config = try await house.push(ByteBuffer(string: "{}"), to: "mine/app")
        for number in 0..<7 {
            let text = Manifests.image(config: config, size: 2) + String(repeating: " ", count: number)
            _ = try await put(text, number == 3 ? nil : "v\(number)", house, name)
        }
        var seen: [ImageID] = []
        var cursor: String?
        repeat {
            let page = try await house.registry.images.list(in: name, of: house.id, .any, after: cursor, limit: 2)
            seen += page.items
            cursor = page.next
        } while cursor != nil
        #expect(seen.count == 7 && Set(seen).count == 7)
        let untagged = try await house.registry.images.list(in: name, of: house.id, .untagged, after: nil, limit: 10)
        #expect(untagged.items.count == 1)
        let tags = try await house.registry.images.tags(in: name, of: house.id, after: "v2", limit: 2)
        #expect(tags.items.map(\.description) == ["v4", "v5"] && tags.next == "v5")
    }

    @Test func badIdsInABatchFailOneByOne() async throws {
        let (house, name) = try await house()
        let ids = [
            ImageIDRequest(digest: nil, tag: nil), ImageIDRequest(digest: "sha256:../..", tag: nil),
            ImageIDRequest(digest: nil, tag: "none"),
        ]
        let (images, failures) = try await house.registry.images.batchGet(ids, in: name, of: house.id)
        #expect(images.isEmpty)
        #expect(failures.map(\.code) == [.missingDigestAndTag, .invalidImageDigest, .imageNotFound])
    }
}
