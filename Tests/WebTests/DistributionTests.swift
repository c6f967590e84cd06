import ConformanceSuites
import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirRegistry
import WeirWeb

private func noise(_ count: Int) -> ByteBuffer {
    var state: UInt64 = 7
    return ByteBuffer(
        bytes: (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        })
}

@Suite struct PushTests {
    @Test func aBlobGoesUpInPartsAndComesDownWhole() async throws {
        let house = try await TestHouse()
        try await house.repository("team/app")
        let blob = noise(300_000)
        let begun = try await house.send("POST", "/v2/team/app/blobs/uploads/")
        #expect(begun.status == 202)
        #expect(begun["Range"] == "0-0")
        let location = try #require(begun["Location"])
        #expect(location == "/v2/team/app/blobs/uploads/\(begun["Docker-Upload-UUID"] ?? "")")

        let first = try #require(blob.getSlice(at: 0, length: 100_000))
        let sent = try await house.send("PATCH", location, ["Content-Range": "0-99999"], body: first)
        #expect(sent.status == 202)
        #expect(sent["Range"] == "0-99999")
        let again = try await house.send("PATCH", location, ["Content-Range": "0-99999"], body: first)
        #expect(again.status == 416)
        #expect(again["Location"] == location && again["Range"] == "0-99999")
        let status = try await house.send("GET", location)
        #expect(status.status == 204)
        #expect(status["Range"] == "0-99999")

        let rest = try #require(blob.getSlice(at: 100_000, length: 200_000))
        #expect(try await house.send("PATCH", location, body: rest)["Range"] == "0-299999")
        let digest = Digest(of: blob.readableBytesView)
        let done = try await house.send("PUT", "\(location)?digest=sha256%3A\(digest.hex)")
        #expect(done.status == 201)
        #expect(done["Location"] == "/v2/team/app/blobs/\(digest)")
        #expect(done["Docker-Content-Digest"] == "\(digest)")

        let head = try await house.send("HEAD", "/v2/team/app/blobs/\(digest)")
        #expect(head.status == 200)
        #expect(head["Docker-Content-Digest"] == "\(digest)")
        let whole = try await house.send("GET", "/v2/team/app/blobs/\(digest)")
        #expect(whole.status == 200)
        #expect(whole.body == blob)
    }

    @Test func rangesOfABlobAreServed() async throws {
        let house = try await TestHouse()
        try await house.repository("app")
        let blob = noise(400_000)
        let path = "/v2/app/blobs/\(try await house.push(blob, to: "app"))"
        let part = try await house.send("GET", path, ["Range": "bytes=1000-300999"])
        #expect(part.status == 206)
        #expect(part["Content-Range"] == "bytes 1000-300999/400000")
        #expect(part.body == blob.getSlice(at: 1000, length: 300_000))
        let beyond = try await house.send("GET", path, ["Range": "bytes=400000-"])
        #expect(beyond.status == 416)
        #expect(beyond["Content-Range"] == "bytes */400000")
        #expect(try await house.send("GET", path, ["Range": "bytes=0-1,3-4"]).status == 200)
        #expect(try await house.send("GET", path, ["Range": "bytes=0-1", "If-Range": "\"other\""]).status == 200)
    }

    @Test func oneRequestMayCarryAWholeBlob() async throws {
        let house = try await TestHouse()
        try await house.repository("app")
        let blob = noise(1_000)
        let digest = Digest(of: blob.readableBytesView)
        #expect(try await house.send("POST", "/v2/app/blobs/uploads/?digest=\(digest)", body: blob).status == 201)
        #expect(try await house.send("GET", "/v2/app/blobs/\(digest)").body == blob)
        let mount = try await house.send("POST", "/v2/app/blobs/uploads/?mount=\(digest)&from=other/app")
        #expect(mount.status == 202)
        let empty = try await house.send("POST", "/v2/app/blobs/uploads/?digest=\(digest)")
        #expect(empty.status == 202)
        let nothing = Digest(of: [])
        #expect(try await house.send("POST", "/v2/app/blobs/uploads/?digest=\(nothing)").status == 201)
        #expect(try await house.send("HEAD", "/v2/app/blobs/\(nothing)").status == 200)
    }

    @Test func anEmptyBlobIsABlob() async throws {
        let house = try await TestHouse()
        try await house.repository("app")
        let digest = try await house.push(ByteBuffer(), to: "app")
        let answer = try await house.send("GET", "/v2/app/blobs/\(digest)")
        #expect(answer.status == 200)
        #expect(answer.body.readableBytes == 0)
    }

    @Test func wrongUploadsAreRefused() async throws {
        let house = try await TestHouse()
        try await house.repository("app")
        let blob = noise(10)
        let other = Digest(of: Array("other".utf8))
        func begin() async throws -> String { try await house.send("POST", "/v2/app/blobs/uploads/")["Location"] ?? "" }
        let cases: [(String, String, [String: String], Int, String)] = [
            ("PUT", try await begin() + "?digest=\(other)", [:], 400, "DIGEST_INVALID"),
            ("PUT", try await begin(), [:], 400, "DIGEST_INVALID"),
            ("PUT", try await begin() + "?digest=sha256:abc", [:], 400, "DIGEST_INVALID"),
            ("PATCH", try await begin(), ["Content-Range": "5-14"], 416, "BLOB_UPLOAD_INVALID"),
            ("PATCH", try await begin(), ["Content-Range": "0-3"], 416, "BLOB_UPLOAD_INVALID"),
            ("PATCH", try await begin(), ["Content-Range": "nonsense"], 416, "BLOB_UPLOAD_INVALID"),
            ("PATCH", "/v2/app/blobs/uploads/unknown", [:], 404, "BLOB_UPLOAD_UNKNOWN"),
            ("POST", "/v2/missing/blobs/uploads/", [:], 404, "NAME_UNKNOWN"),
        ]
        for (method, target, headers, status, code) in cases {
            let answer = try await house.send(method, target, headers, body: blob)
            #expect(answer.status == status, "\(method) \(target)")
            #expect(answer.text.contains("\"code\":\"\(code)\""), "\(method) \(target)")
        }
        let cancelled = try await begin()
        #expect(try await house.send("DELETE", cancelled).status == 204)
        #expect(try await house.send("GET", cancelled).status == 404)
    }

    @Test func anImageIsPutListedReadAndDeleted() async throws {
        let house = try await TestHouse()
        try await house.repository("team/app")
        let put = try await house.pushImage(noise(5_000), to: "team/app", tag: "v1")
        #expect(put.status == 201)
        let digest = try #require(put["Docker-Content-Digest"])
        #expect(put["Location"] == "/v2/team/app/manifests/\(digest)")
        let byTag = try await house.send("GET", "/v2/team/app/manifests/v1")
        #expect(byTag.status == 200)
        #expect(byTag["Content-Type"] == MediaType.ociManifest)
        #expect(byTag["Docker-Content-Digest"] == digest)
        #expect("\(Digest(of: byTag.body.readableBytesView))" == digest)
        #expect(try await house.send("HEAD", "/v2/team/app/manifests/\(digest)").status == 200)
        #expect(try await house.send("GET", "/v2/team/app/manifests/v1", ["If-None-Match": "\"\(digest)\""]).status == 304)
        #expect(try await house.send("DELETE", "/v2/team/app/manifests/\(digest)").status == 202)
        let gone = try await house.send("GET", "/v2/team/app/manifests/v1")
        #expect(gone.status == 404)
        #expect(gone.text.contains("Requested image not found"))
    }

    @Test func tagsAndRepositoriesAreListedByThePage() async throws {
        let house = try await TestHouse()
        for name in ["app", "bee", "cat"] { try await house.repository(name) }
        for tag in ["v1", "v2", "v3"] { _ = try await house.pushImage(noise(10), to: "app", tag: tag) }
        let all = try await house.send("GET", "/v2/app/tags/list")
        #expect(all.text == "{\"name\":\"app\",\"tags\":[\"v1\",\"v2\",\"v3\"]}\n")
        #expect(all["Link"] == nil)
        let page = try await house.send("GET", "/v2/app/tags/list?n=2")
        #expect(page.text == "{\"name\":\"app\",\"tags\":[\"v1\",\"v2\"]}\n")
        #expect(page["Link"] == "</v2/app/tags/list?last=v2&n=2>; rel=\"next\"")
        #expect(try await house.send("GET", "/v2/app/tags/list?n=2&last=v2").text.contains("[\"v3\"]"))
        #expect(try await house.send("GET", "/v2/app/tags/list?n=0").text.contains("[]"))
        let catalog = try await house.send("GET", "/v2/_catalog?n=2")
        #expect(catalog.text == "{\"repositories\":[\"app\",\"bee\"]}\n")
        #expect(catalog["Link"] == "</v2/_catalog?last=bee&n=2>; rel=\"next\"")
        #expect(try await house.send("GET", "/v2/_catalog?n=2&last=bee").text == "{\"repositories\":[\"cat\"]}\n")
        for n in ["1001", "99999999999999999999"] {
            let answer = try await house.send("GET", "/v2/app/tags/list?n=\(n)")
            #expect(answer.status == 405)
            #expect(answer.text.contains("Member must have value less than or equal to 1000"))
        }
        #expect(try await house.send("GET", "/v2/app/tags/list?n=-1").status == 405)
        let missing = try await house.send("GET", "/v2/missing/tags/list")
        #expect(missing.status == 404)
        #expect(
            missing.text.contains(
                "The repository with name 'missing' does not exist in the registry with id '111122223333'"))
    }

    @Test func whatAManifestOnlyCarriesIsKeptAsItWasPushed() async throws {
        let house = try await TestHouse()
        try await house.repository("app")
        let index = #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[],"annotations":{"a":null,"b":7}}"#
        let headers = ["Content-Type": MediaType.ociIndex]
        let put = try await house.send("PUT", "/v2/app/manifests/v1", headers, body: ByteBuffer(string: index))
        #expect(put.status == 201, "\(put.text)")
        #expect(try await house.send("GET", "/v2/app/manifests/v1").text == index)
    }

    @Test func manifestsThatCannotBeKeptAreRefusedInECRsWords() async throws {
        let house = try await TestHouse()
        try await house.repository("app", TagMutability(.immutable))
        func put(_ text: String, _ tag: String = "v1") async throws -> TestHouse.Answer {
            try await house.send(
                "PUT", "/v2/app/manifests/\(tag)", ["Content-Type": MediaType.ociManifest], body: ByteBuffer(string: text))
        }
        let noJSON = try await put("not json")
        #expect(noJSON.status == 405)
        #expect(
            noJSON.text.contains(
                "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"))
        // The refusal names the flaw, and does not blame the syntax where that is right.
        for (text, flaw) in [
            ("[]", "the manifest is no JSON object"),
            (#"{"schemaVersion":2,"layers":[{"digest":"x","size":"1"}]}"#, "layers[0].size is no whole number"),
        ] {
            let answer = try await put(text)
            #expect(answer.status == 405 && answer.text.contains(flaw) && !answer.text.contains("syntax"), "\(answer.text)")
        }
        #expect(try await put(String(repeating: " ", count: Manifest.maxBytes + 1)).status == 413)
        let digest = Digest(of: Array("x".utf8))
        let absent = """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest)","config":{"mediaType":"a/b","digest":"\(digest)",\
            "size":1},"layers":[]}
            """
        let missing = try await put(absent)
        #expect(missing.status == 400)
        #expect(missing.text.contains("MANIFEST_BLOB_UNKNOWN"))
        #expect(try await put(absent, ".bad").text.contains("TAG_INVALID"))
        #expect(try await put(absent, "sha256:bad").text.contains("DIGEST_INVALID"))
        #expect(try await put(absent, "\(digest)").text.contains("DIGEST_INVALID"))
        #expect(try await house.pushImage(noise(10), to: "app", tag: "v1").status == 201)
        let second = try await house.pushImage(noise(11), to: "app", tag: "v1")
        #expect(second.status == 400)
        #expect(
            second.text.contains(
                "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the tag is immutable."
            ))
    }

    @Test(
        "What this door does not do",
        arguments: [
            ("DELETE", "/v2/app/blobs/sha256:\(String(repeating: "a", count: 64))", 404),
            ("POST", "/v2/app/manifests/latest", 405), ("PUT", "/v2/", 405), ("POST", "/v2/app/tags/list", 405),
            ("GET", "/v2/app/referrers/sha256:abc", 400), ("GET", "/v2/app", 404),
            ("GET", "/v2/../../etc/passwd", 400), ("GET", "/v2/app/manifests/.INVALID_NAME", 404),
            ("GET", "/v2/UPPER/manifests/latest", 400),
        ])
    func unsupported(method: String, target: String, status: Int) async throws {
        let house = try await TestHouse()
        try await house.repository("app")
        let answer = try await house.send(method, target)
        #expect(answer.status == status)
        #expect(answer.text.hasPrefix("{\"errors\":[{\"code\":\""))
    }
}

@Suite struct PullThroughDoorTests {
    private func cache() async throws -> TestHouse {
        let house = try await TestHouse()
        _ = try await house.registry.cacheRules.create(
            CacheRuleRequest(
                prefix: Prefix("ecr-public", lengths: CacheRule.prefixLengths), upstreamURL: "public.ecr.aws"),
            in: house.id)
        return house
    }

    @Test func aFirstPullComesFromUpstream() async throws {
        let house = try await cache()
        let layer = noise(700_000)
        let image = house.upstream.addImage(to: "nginx/nginx", tags: ["latest"], layer: layer)
        let head = try await house.send("HEAD", "/v2/ecr-public/nginx/nginx/manifests/latest")
        #expect(head.status == 200)
        let manifest = try await house.send("GET", "/v2/ecr-public/nginx/nginx/manifests/latest?ns=public.ecr.aws")
        #expect(manifest["Docker-Content-Digest"] == "\(image.manifest)")
        #expect(manifest["Warning"] == nil)
        let blob = try await house.send("GET", "/v2/ecr-public/nginx/nginx/blobs/\(image.layer)")
        #expect(blob.status == 200)
        #expect(blob.body == layer)
        await house.registry.pulls.close()
    }

    @Test func aMirrorsNamespaceFindsTheRule() async throws {
        let house = try await cache()
        let image = house.upstream.addImage(to: "nginx/nginx", tags: ["latest"], layer: noise(10))
        let target = "/v2/nginx/nginx/manifests/latest"
        #expect(try await house.send("GET", target).status == 404)
        let mirrored = try await house.send("GET", target + "?ns=public.ecr.aws")
        #expect(mirrored["Docker-Content-Digest"] == "\(image.manifest)")
        #expect(mirrored["OCI-Namespace"] == "public.ecr.aws")
        let blob = try await house.send("GET", "/v2/nginx/nginx/blobs/\(image.layer)?ns=public.ecr.aws")
        #expect(blob.body == noise(10))
        let named = try await house.send("GET", "/v2/ecr-public/nginx/nginx/manifests/latest?ns=public.ecr.aws")
        #expect(named.status == 200)
        for other in ["quay.io", "registry.test", "public.ecr.aws%0d%0aX: y"] {
            let answer = try await house.send("GET", target + "?ns=\(other)")
            #expect(answer.status == 404 && answer["OCI-Namespace"] == nil)
        }
        await house.registry.pulls.close()
    }

    @Test func whatIsHeldIsServedWithAWarningWhenUpstreamIsDown() async throws {
        let house = try await cache()
        house.upstream.addImage(to: "nginx/nginx", tags: ["latest"], layer: noise(10))
        #expect(try await house.send("GET", "/v2/ecr-public/nginx/nginx/manifests/latest").status == 200)
        house.pass(.seconds(25 * 3_600))
        house.upstream.fail(.unavailable)
        let stale = try await house.send("GET", "/v2/ecr-public/nginx/nginx/manifests/latest")
        #expect(stale.status == 200)
        #expect(stale["Warning"]?.hasPrefix("110 - \"") == true)
        await house.registry.pulls.close()
    }

    @Test func upstreamsRefusalsKeepTheirKind() async throws {
        let house = try await cache()
        house.upstream.fail(
            UpstreamError(.rateLimited, host: "public.ecr.aws", "too many", status: 429, retryAfter: .milliseconds(30_500)))
        let limited = try await house.send("GET", "/v2/ecr-public/nginx/nginx/manifests/latest")
        #expect(limited.status == 429)
        // No client is told to wait half a minute: containers/image would do so five times, silently.
        #expect(limited["Retry-After"] == "1")
        #expect(limited.text.contains("too many"))
        #expect(limited.text.contains("TOOMANYREQUESTS"))
        house.upstream.recover()
        for (kind, status) in [(UpstreamError.Kind.denied, 403), (.unavailable, 503), (.invalid, 502), (.notFound, 404)] {
            house.upstream.fail(kind)
            #expect(try await house.send("GET", "/v2/ecr-public/nginx/\(status)x/manifests/latest").status == status)
            house.upstream.recover()
        }
        await house.registry.pulls.close()
    }
}
