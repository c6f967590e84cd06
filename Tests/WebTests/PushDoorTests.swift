import NIOCore
import Testing
import WeirCore
import WeirRegistry
import WeirWeb

/// OCI 1.1's additions to pushes, at the door.
@Suite struct PushDoorTests {
    private static let index = MediaType.ociIndex

    private func house() async throws -> TestHouse {
        let house = try await TestHouse()
        try await house.repository("app")
        return house
    }

    private func put(
        _ text: String, as reference: String, _ house: TestHouse, _ type: String = index
    ) async throws -> TestHouse.Answer {
        try await house.send(
            "PUT", "/v2/app/manifests/\(reference)", ["Content-Type": type], body: ByteBuffer(string: text))
    }

    @Test func aSubjectIsToldBackAndItsReferrersAreListed() async throws {
        let house = try await house()
        let image = try await house.pushImage(ByteBuffer(string: "layer"), to: "app", tag: "v1")
        let subject = try #require(image["Docker-Content-Digest"])
        #expect(image["OCI-Subject"] == nil)
        for (number, type) in ["a/sbom", "a/signature", "a/sbom"].enumerated() {
            let put = try await put(
                """
                {"schemaVersion":2,"mediaType":"\(Self.index)","manifests":[],"artifactType":"\(type)",\
                "annotations":{"n":"\(number) \\"quoted\\""},\
                "subject":{"mediaType":"\(MediaType.ociManifest)","digest":"\(subject)","size":1}}
                """, as: "r\(number)", house)
            #expect(put.status == 201)
            #expect(put["OCI-Subject"] == subject)
        }
        let all = try await house.send("GET", "/v2/app/referrers/\(subject)")
        #expect(all.status == 200)
        #expect(all["Content-Type"] == Self.index)
        #expect(all["OCI-Filters-Applied"] == nil)
        let document = try JSONValue(parsing: all.body.readableBytesView)
        #expect(document["mediaType"] == .string(Self.index) && document["schemaVersion"] == .integer(2))
        #expect(document["manifests"]?.array.count == 3)
        #expect(document["manifests"]?.array.first?["annotations"]?["n"] != nil)
        let some = try await house.send("GET", "/v2/app/referrers/\(subject)?artifactType=a%2Fsbom")
        #expect(some["OCI-Filters-Applied"] == "artifactType")
        #expect(try JSONValue(parsing: some.body.readableBytesView)["manifests"]?.array.count == 2)
        var found = 0
        var next: String? = "/v2/app/referrers/\(subject)?artifactType=a/sbom&n=1"
        while let page = next {
            let answer = try await house.send("GET", page)
            found += try JSONValue(parsing: answer.body.readableBytesView)["manifests"]?.array.count ?? 0
            next = answer["Link"].map { String($0.dropFirst().prefix { $0 != ">" }) }
        }
        #expect(found == 2)
        let none = try await house.send("GET", "/v2/app/referrers/\(Digest(of: [1]))")
        #expect(none.status == 200)
        #expect(try JSONValue(parsing: none.body.readableBytesView)["manifests"]?.array.isEmpty == true)
    }

    @Test func severalTagsInOnePut() async throws {
        let house = try await house()
        let text = #"{"schemaVersion":2,"mediaType":"\#(Self.index)","manifests":[]}"#
        let digest = Digest(of: Array(text.utf8))
        let put = try await put(text, as: "\(digest)?tag=a&tag=b&tag=a", house)
        #expect(put.status == 201)
        #expect(put["OCI-Tag"] == "a, b")
        #expect(try await house.send("GET", "/v2/app/tags/list").text.contains(#"["a","b"]"#))
        let bad = try await self.put(text, as: "\(digest)?tag=c&tag=.d", house)
        #expect(bad.status == 400 && bad.text.contains("TAG_INVALID"))
        #expect(try await house.send("GET", "/v2/app/manifests/c").status == 404)
    }

    @Test func sha512ManifestsAreFoundByTheirDigest() async throws {
        let house = try await house()
        let text = #"{"schemaVersion":2,"mediaType":"\#(Self.index)","manifests":[]}"#
        let digest = Digest(of: Array(text.utf8), .sha512)
        let put = try await put(text, as: "\(digest)?tag=long", house)
        #expect(put.status == 201)
        #expect(put["Docker-Content-Digest"] == "\(digest)")
        #expect(try await house.send("GET", "/v2/app/manifests/\(digest)").text == text)
        #expect(try await house.send("HEAD", "/v2/app/manifests/long")["Docker-Content-Digest"] == "\(digest)")
    }

    @Test func blobsAreDeletedWhenNoImageNamesThem() async throws {
        let house = try await house()
        let loose = try await house.push(ByteBuffer(string: "loose"), to: "app")
        #expect(try await house.send("DELETE", "/v2/app/blobs/\(loose)").status == 202)
        #expect(try await house.send("HEAD", "/v2/app/blobs/\(loose)").status == 404)
        _ = try await house.pushImage(ByteBuffer(string: "layer"), to: "app", tag: "v1")
        let named = try await house.send("DELETE", "/v2/app/blobs/\(Digest(of: Array("layer".utf8)))")
        #expect(named.status == 405 && named.text.contains("UNSUPPORTED"))
    }

    @Test func aMountIsGrantedWhereTheAccountAllowsIt() async throws {
        let house = try await house()
        try await house.repository("other")
        let digest = try await house.push(ByteBuffer(string: "shared"), to: "other")
        let mount = "/v2/app/blobs/uploads/?mount=\(digest)&from=other"
        #expect(try await house.send("POST", mount).status == 202)
        try await house.registry.settings.set(.blobMounting, to: "ENABLED", of: house.id)
        let mounted = try await house.send("POST", mount)
        #expect(mounted.status == 201)
        #expect(mounted["Location"] == "/v2/app/blobs/\(digest)" && mounted["Docker-Content-Digest"] == "\(digest)")
        #expect(try await house.send("GET", "/v2/app/blobs/\(digest)").text == "shared")
        #expect(try await house.send("POST", "/v2/app/blobs/uploads/?mount=\(Digest(of: [1]))&from=other").status == 202)
        #expect(try await house.send("POST", "/v2/app/blobs/uploads/?mount=\(digest)&from=UPPER").status == 202)
        #expect(try await house.send("POST", "/v2/app/blobs/uploads/?mount=md5:abc&from=other").status == 400)
    }

    @Test func aPushMakesItsRepositoryWhereATemplateSaysSo() async throws {
        let house = try await house()
        _ = try await house.registry.templates.create(
            TemplateDraft(prefix: try Prefix("team", lengths: CreationTemplate.prefixLengths), appliedFor: [.createOnPush]),
            in: house.id)
        #expect(try await house.pushImage(ByteBuffer(string: "layer"), to: "team/new", tag: "v1").status == 201)
        #expect(try await house.send("GET", "/v2/team/new/manifests/v1").status == 200)
        #expect(try await house.send("POST", "/v2/elsewhere/new/blobs/uploads/").status == 404)
    }
}
