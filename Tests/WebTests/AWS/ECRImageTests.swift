import NIOCore
import Testing
import WeirCore
import WeirRegistry
import WeirWeb

@Suite struct ECRImageTests {
    /// An index without children: the smallest image that a registry accepts.
    static let manifest =
        #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#
    static let digest = Digest(of: Array(manifest.utf8)).description

    private func registryWithAnImage() async throws -> TestAWS {
        let aws = try await TestAWS()
        try await aws.call("CreateRepository", ["repositoryName": "aa"])
        for tag in ["one", "two"] {
            _ = try await aws.registry.images.put(
                ByteBuffer(string: Self.manifest), contentType: nil, as: Reference(tag), in: RepositoryName("aa"),
                of: aws.id)
        }
        return aws
    }

    @Test func imagesAreListedOncePerTag() async throws {
        let aws = try await registryWithAnImage()
        let both: [JSONValue] = ["one", "two"].map { ["imageDigest": .string(Self.digest), "imageTag": .string($0)] }
        #expect(try await aws.call("ListImages", ["repositoryName": "aa"]) == ["imageIds": .array(both)])
        let first = try await aws.call("ListImages", ["repositoryName": "aa", "maxResults": 1])
        #expect(first["imageIds"] == [both[0]])
        let rest = try await aws.call(
            "ListImages", ["repositoryName": "aa", "maxResults": 1, "nextToken": try #require(first["nextToken"])])
        #expect(rest["imageIds"] == [both[1]])
        for filter: JSONValue in [["tagStatus": "UNTAGGED"], ["imageStatus": "ARCHIVED"]] {
            #expect(try await aws.call("ListImages", ["repositoryName": "aa", "filter": filter]) == ["imageIds": []])
        }
    }

    @Test func imagesAreDescribed() async throws {
        let aws = try await registryWithAnImage()
        let details = try await aws.call("DescribeImages", ["repositoryName": "aa"])["imageDetails"]?.array ?? []
        #expect(details.count == 1)
        let detail = try #require(details.first)
        #expect(detail["imageDigest"] == .string(Self.digest))
        #expect(detail["imageTags"] == ["one", "two"])
        #expect(detail["imagePushedAt"] == 1_800_000_000.123)
        #expect(detail["imageManifestMediaType"] == "application/vnd.oci.image.index.v1+json")
        #expect(detail["registryId"] == "111122223333")
        #expect(detail["imageStatus"] == "ACTIVE")
        let named = try await aws.call("DescribeImages", ["repositoryName": "aa", "imageIds": [["imageTag": "two"]]])
        #expect(named["imageDetails"] == [detail])
        #expect(
            try await aws.refusal("DescribeImages", ["repositoryName": "aa", "imageIds": [["imageTag": "gone"]]])
                == "ImageNotFoundException: The image with imageId {imageDigest:'null', imageTag:'gone'} does not exist within the "
                + "repository with name 'aa' in the registry with id '111122223333'")
    }

    @Test func manifestsComeBackAsTheyWere() async throws {
        let aws = try await registryWithAnImage()
        let answer = try await aws.call(
            "BatchGetImage",
            [
                "repositoryName": "aa", "imageIds": [["imageTag": "one"], ["imageDigest": "x"], [:]],
            ])
        #expect(
            answer["images"] == [
                [
                    "registryId": "111122223333", "repositoryName": "aa",
                    "imageId": ["imageDigest": .string(Self.digest), "imageTag": "one"], "imageManifest": .string(Self.manifest),
                    "imageManifestMediaType": "application/vnd.oci.image.index.v1+json",
                ]
            ])
        #expect(answer["failures"]?.array.map { $0["failureCode"] } == ["InvalidImageDigest", "MissingDigestAndTag"])
    }

    @Test func theLastTagTakesTheImageWithIt() async throws {
        let aws = try await registryWithAnImage()
        let one: JSONValue = ["repositoryName": "aa", "imageIds": [["imageTag": "one"]]]
        #expect(
            try await aws.call("BatchDeleteImage", one)["imageIds"] == [["imageDigest": .string(Self.digest), "imageTag": "one"]])
        #expect(try await aws.call("BatchDeleteImage", one)["failures"]?.array.first?["failureCode"] == "ImageNotFound")
        #expect(
            try await aws.refusal("DeleteRepository", ["repositoryName": "aa"]).hasPrefix("RepositoryNotEmptyException:"))
        try await aws.call("DeleteRepository", ["repositoryName": "aa", "force": true])
    }

    @Test func idsAreAHundredAtMost() async throws {
        let aws = try await registryWithAnImage()
        for ids in [[], Array(repeating: ["imageTag": "one"] as JSONValue, count: 101)] {
            let told = try await aws.refusal("BatchGetImage", ["repositoryName": "aa", "imageIds": .array(ids)])
            #expect(told.contains("at 'imageIds' failed to satisfy constraint: Member must have length"))
        }
        #expect(
            try await aws.refusal("BatchGetImage", ["repositoryName": "aa", "imageIds": [1]])
                == "SerializationException: Expected null or an object")
    }
}
