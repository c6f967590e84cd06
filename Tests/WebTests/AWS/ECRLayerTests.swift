import NIOCore
import Testing
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirWeb

@Suite struct ECRLayerTests {
    private static let mib = 1_048_576

    private func aws() async throws -> TestAWS {
        let aws = try await TestAWS()
        try await aws.call("CreateRepository", ["repositoryName": "app"])
        return aws
    }

    private func begin(_ aws: TestAWS) async throws -> String {
        let begun = try await aws.call("InitiateLayerUpload", ["repositoryName": "app"])
        #expect(begun["partSize"] == .integer(10_485_760))
        return try #require(begun["uploadId"]?.string)
    }

    private func part(_ id: String, _ first: Int, _ bytes: [UInt8]) -> JSONValue {
        [
            "repositoryName": "app", "uploadId": .string(id), "partFirstByte": .integer(Int64(first)),
            "partLastByte": .integer(Int64(first + bytes.count - 1)), "layerPartBlob": .blob(bytes),
        ]
    }

    @Test(
        "Positions at the edges of what 64 bits hold are refused and end nothing",
        arguments: [
            (0, Int64.max), (0, .max - 1), (.max, .max), (.max, 0), (1, .max), (.max - 1, .max), (0, 52_000 << 20), (.min, .max),
            (-1, 0),
        ] as [(Int64, Int64)])
    func edges(first: Int64, last: Int64) async throws {
        let aws = try await aws()
        let id = try await begin(aws)
        let refused = try await aws.refusal(
            "UploadLayerPart",
            [
                "repositoryName": "app", "uploadId": .string(id), "partFirstByte": .integer(first),
                "partLastByte": .integer(last),
                "layerPartBlob": .blob([1]),
            ])
        #expect(refused.hasPrefix("InvalidParameterException") || refused.hasPrefix("InvalidLayerPartException"), "\(refused)")
        try await aws.call("UploadLayerPart", part(id, 0, [1]))
    }

    private func push(_ bytes: [UInt8], _ aws: TestAWS) async throws -> String {
        let id = try await begin(aws)
        try await aws.call("UploadLayerPart", part(id, 0, bytes))
        let digest = "\(Digest(of: bytes))"
        let done = try await aws.call(
            "CompleteLayerUpload", ["repositoryName": "app", "uploadId": .string(id), "layerDigests": [.string(digest)]])
        #expect(done["layerDigest"]?.string == digest && done["registryId"]?.string == "111122223333")
        return digest
    }

    private static func manifest(_ config: String, size: Int) -> String {
        """
        {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest)","config":{"mediaType":"a/b","digest":"\(config)",\
        "size":\(size)},"layers":[]}
        """
    }

    @Test func anImageIsPushedCallByCall() async throws {
        let aws = try await aws()
        let digest = try await push(Array("{}".utf8), aws)
        let check = try await aws.call(
            "BatchCheckLayerAvailability",
            [
                "repositoryName": "app",
                "layerDigests": [.string(digest), .string("\(Digest(of: [1]))"), "sha256:zz", ""],
            ])
        #expect(check["layers"]?.array.map { $0["layerAvailability"]?.string } == ["AVAILABLE", "UNAVAILABLE"])
        #expect(check["layers"]?.array.first?["layerSize"] == .integer(2))
        #expect(check["failures"]?.array.map { $0["failureCode"]?.string } == ["InvalidLayerDigest", "MissingLayerDigest"])

        let manifest = Self.manifest(digest, size: 2)
        let input: JSONValue = ["repositoryName": "app", "imageManifest": .string(manifest), "imageTag": "v1"]
        let put = try await aws.call("PutImage", input)
        #expect(put["image"]?["imageId"]?["imageTag"]?.string == "v1")
        #expect(put["image"]?["imageManifest"]?.string == manifest)
        #expect(put["image"]?["imageManifestMediaType"]?.string == MediaType.ociManifest)
        #expect(try await aws.refusal("PutImage", input).hasPrefix("ImageAlreadyExistsException: Image with digest 'sha256:"))
    }

    @Test(
        "PutImage refuses in ECR's order and words",
        arguments: [
            (
                ["imageManifest": "no"],
                "InvalidParameterException: Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"
            ),
            (
                ["imageManifest": "{}"],
                "InvalidParameterException: Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'image manifest mediatype not provided in manifest or parameter'"
            ),
            (
                ["imageManifest": "{}", "imageManifestMediaType": "x/y", "imageDigest": "sha256:beef"],
                "ImageDigestDoesNotMatchException"
            ),
            (["imageManifest": "{}", "imageManifestMediaType": "x/y", "imageTag": "-no"], "InvalidParameterException"),
            (["imageManifest": "{}", "repositoryName": "missing"], "RepositoryNotFoundException"),
            ([:], "InvalidParameterException"),
        ] as [([String: String], String)])
    func refusals(members: [String: String], expected: String) async throws {
        let aws = try await aws()
        var input = members.mapValues { JSONValue.string($0) }
        if input["repositoryName"] == nil { input["repositoryName"] = "app" }
        #expect(try await aws.refusal("PutImage", .object(input)).hasPrefix(expected))
    }

    @Test func missingLayersAndOtherDigestsHaveTheirOwnExceptions() async throws {
        let aws = try await aws()
        let absent = Self.manifest("\(Digest(of: [7]))", size: 1)
        let put = try await aws.refusal("PutImage", ["repositoryName": "app", "imageManifest": .string(absent)])
        #expect(put.hasPrefix("LayersNotFoundException"))
        let id = try await begin(aws)
        let complete: JSONValue = [
            "repositoryName": "app", "uploadId": .string(id), "layerDigests": [.string("\(Digest(of: [7]))")],
        ]
        #expect(try await aws.refusal("CompleteLayerUpload", complete).hasPrefix("EmptyUploadException"))
        try await aws.call("UploadLayerPart", part(id, 0, [1, 2, 3]))
        #expect(try await aws.refusal("CompleteLayerUpload", complete).hasPrefix("InvalidLayerException"))
        #expect(try await aws.refusal("CompleteLayerUpload", complete).hasPrefix("UploadNotFoundException"))
        #expect(
            try await aws.refusal("UploadLayerPart", part("nonsense", 0, [1])).hasPrefix("InvalidParameterException"))
        _ = try await push([9, 9], aws)
        let again = try await begin(aws)
        try await aws.call("UploadLayerPart", part(again, 0, [9, 9]))
        let known = try await aws.refusal(
            "CompleteLayerUpload",
            [
                "repositoryName": "app", "uploadId": .string(again), "layerDigests": [.string("\(Digest(of: [9, 9]))")],
            ])
        #expect(known.hasPrefix("LayerAlreadyExistsException"))
    }

    @Test func aPartOutOfPlaceIsToldWhereToGoOn() async throws {
        let aws = try await aws()
        let id = try await begin(aws)
        try await aws.call("UploadLayerPart", part(id, 0, [1, 2, 3]))
        let response = await aws.respond(to: aws.request("UploadLayerPart", body: part(id, 5, [6]).text))
        #expect(try TestAWS.refusal(response).hasPrefix("InvalidLayerPartException"))
        let body = try JSONValue(parsing: response.body.readableBytesView)
        #expect(body["lastValidByteReceived"] == .integer(2))
        #expect(body["uploadId"]?.string == id && body["repositoryName"]?.string == "app")
        #expect(body["registryId"]?.string == "111122223333")
    }

    @Test func onlyALayerOfAnImageHasALink() async throws {
        let aws = try await aws()
        let digest = try await push(Array("{}".utf8), aws)
        let input: JSONValue = ["repositoryName": "app", "layerDigest": .string(digest)]
        #expect(try await aws.refusal("GetDownloadUrlForLayer", input).hasPrefix("LayerInaccessibleException"))
        try await aws.call(
            "PutImage", ["repositoryName": "app", "imageManifest": .string(Self.manifest(digest, size: 2))])
        let link = try #require(try await aws.call("GetDownloadUrlForLayer", input)["downloadUrl"]?.string)
        #expect(link.hasPrefix("http://localhost:5050/v2/app/blobs/\(digest)?weir-signature="))
        let unknown: JSONValue = ["repositoryName": "app", "layerDigest": .string("\(Digest(of: [5]))")]
        #expect(try await aws.refusal("GetDownloadUrlForLayer", unknown).hasPrefix("LayersNotFoundException"))
    }
}

/// The links of `GetDownloadUrlForLayer`, at the door that they lead to.
@Suite struct LayerLinkTests {
    @Test func aLinkOpensOneBlobForAnHourAndNothingElse() async throws {
        let house = try await TestHouse()
        try await house.repository("app")
        let digest = try await house.push(ByteBuffer(string: "layer"), to: "app")
        let other = try await house.push(ByteBuffer(string: "other"), to: "app")
        let path = "/v2/app/blobs/\(digest)"
        let query = try house.tokens.links.query(
            for: path, in: house.id, by: .root(of: house.id.account), accessKeyID: TestHouse.keyID,
            at: Timestamp(seconds: 1_800_000_000))
        func ask(_ target: String, _ method: String = "GET") async throws -> TestHouse.Answer {
            try await house.send(method, target, signedIn: false)
        }
        #expect(try await ask("\(path)?\(query)").text == "layer")
        #expect(try await ask("\(path)?\(query)", "HEAD").status == 200)
        #expect(try await ask("\(path)?\(query)", "DELETE").status == 401)
        #expect(try await ask("/v2/app/blobs/\(other)?\(query)").status == 401)
        #expect(try await ask("/v2/app/tags/list?\(query)").status == 401)
        for forged in [query.replacing("weir-signature=", with: "weir-signature=0"), String(query.dropLast()), query + "A"] {
            #expect(try await ask("\(path)?\(forged)").status == 401)
        }
        // A link is for one repository, whatever other one is named.
        _ = try await house.registry.cacheRules.create(
            CacheRuleRequest(
                prefix: Prefix("ecr-public", lengths: CacheRule.prefixLengths), upstreamURL: "public.ecr.aws"), in: house.id)
        #expect(try await ask("\(path)?\(query)&ns=public.ecr.aws").text == "layer")
        house.pass(.seconds(3_601))
        #expect(try await ask("\(path)?\(query)").status == 403)
    }
}
