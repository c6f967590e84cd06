import NIOCore
import Testing
import WeirCore
import WeirUpstream

/// Tags and referrers.
@Suite struct ListTests {
    private static let other = "sha256:" + String(repeating: "b", count: 64)

    private static func entry(_ digest: String, _ type: String = "application/x") -> String {
        #"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"\#(digest)","size":7,"artifactType":"\#(type)","#
            + #""annotations":{"a":"b","odd":1,"none":null}}"#
    }

    private static func index(_ entries: [String]) -> String {
        #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[\#(entries.joined(separator: ","))]}"#
    }

    @Test func allPagesOfTagsAreRead() async throws {
        let server = try await RudeServer { request in
            request.query.contains("last=b")
                ? .json(#"{"name":"library/app","tags":["c","not a tag"]}"#)
                : Reply(
                    200,
                    [("Content-Type", "application/json"), ("Link", #"</v2/library/app/tags/list?n=2&last=b>; rel="next""#)],
                    #"{"name":"library/app","tags":["a","b"]}"#)
        }
        try await withClient(.reaching(server.url)) { client in
            let found1 = try await client.tags(in: .at(), limit: 100).map(\.description)
            #expect(found1 == ["a", "b", "c"])
            let found2 = try await client.tags(in: .at(), limit: 1).map(\.description)
            #expect(found2 == ["a"])
        }
    }

    @Test func aListWithoutEndIsGivenUp() async throws {
        let page = Switch(0)
        let server = try await RudeServer { _ in
            page.now += 1
            return Reply(
                200, [("Content-Type", "application/json"), ("Link", "<?last=\(page.now)>; rel=\"next\"")],
                #"{"tags":["a\#(page.now)"]}"#)
        }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.invalid) { _ = try await client.tags(in: .at(), limit: 100_000) }
        }
        #expect(server.requests.count <= 200)
    }

    @Test("A list ends where its pages bring nothing new", arguments: [true, false])
    func pagesWithoutNews(isCircle: Bool) async throws {
        let page = Switch(0)
        let server = try await RudeServer { _ in
            page.now += 1
            let link = "<?last=\(isCircle ? 0 : page.now)>; rel=\"next\""
            return Reply(200, [("Content-Type", "application/json"), ("Link", link)], #"{"tags":["a","b"]}"#)
        }
        try await withClient(.reaching(server.url)) { client in
            let found1 = try await client.tags(in: .at(), limit: 100_000).map(\.description)
            #expect(found1 == ["a", "b"])
        }
        #expect(server.requests.count <= 4)
    }

    @Test(
        "The next page is where the list is, whatever the link calls it",
        arguments: [
            "https://other.example/v2/x/tags/list?n=2&last=b", "http://localhost:24817/v2/library/app/tags/list?n=2&last=b",
            "/v2/app/tags/list?n=2&last=b", "?n=2&last=b&orderby=", "/mirror/v2/library/app/tags/list?n=2&last=b,c",
        ])
    func oddLinks(link: String) async throws {
        let server = try await RudeServer { request in
            guard request.path == "/mirror/v2/library/app/tags/list" else { return Reply(404) }
            return request.query.contains("last=b")
                ? .json(#"{"tags":["c",null,7,"d"]}"#)
                : Reply(
                    200, [("Content-Type", "application/json"), ("Link", #"</first?x=1>; rel="first", <\#(link)>; rel="next""#)],
                    #"{"tags":["a","b"]}"#)
        }
        try await withClient(.reaching(server.url + "/mirror")) { client in
            let found2 = try await client.tags(in: .at(), limit: 100).map(\.description)
            #expect(found2 == ["a", "b", "c", "d"])
        }
        #expect(server.requests.count == 2)
    }

    @Test(arguments: [400, 405])
    func aRegistryThatRefusesTheNumberIsAskedWithout(status: Int) async throws {
        let server = try await RudeServer { $0.query.contains("n=") ? Reply(status) : .json(#"{"tags":["a"]}"#) }
        try await withClient(.reaching(server.url)) { client in
            let found3 = try await client.tags(in: .at(), limit: 100).map(\.description)
            #expect(found3 == ["a"])
        }
    }

    @Test func theNextPageIsNeverOnAnotherServer() async throws {
        let evil = try await RudeServer { _ in .json(#"{"tags":["a"]}"#) }
        let server = try await RudeServer { _ in
            Reply(
                200, [("Content-Type", "application/json"), ("Link", "<\(evil.url)/v2/x/tags/list>; rel=\"next\"")],
                #"{"tags":["a"]}"#)
        }
        try await withClient(.reaching(server.url)) { client in
            _ = await refusal(.guarded) { _ = try await client.tags(in: .at(as: someCredential), limit: 100) }
        }
        #expect(evil.requests.isEmpty)
    }

    @Test func referrersComeFromTheAPI() async throws {
        let server = try await RudeServer { request in
            request.path.contains("/referrers/")
                ? .json(
                    Self.index([
                        Self.entry(someDigest), Self.entry(Self.other, "application/y"), Self.entry("md5:1"), "{}", "7",
                        #"{"digest":7}"#, "null",
                    ]))
                : Reply(404)
        }
        try await withClient(.reaching(server.url)) { client in
            let all = try await client.referrers(of: Digest(someDigest), artifactType: nil, in: .at())
            #expect(all.map { "\($0.digest)" } == [someDigest, Self.other])
            #expect(all.first?.annotations == ["a": "b", "none": ""] && all.first?.size == 7)
            // This server does not filter, so the client does.
            let some = try await client.referrers(of: Digest(someDigest), artifactType: "application/y", in: .at())
            #expect(some.map { "\($0.digest)" } == [Self.other])
        }
        #expect(server.requests.last?.query == "artifactType=application%2Fy")
    }

    @Test func withoutTheAPITheTagSchemaTells() async throws {
        let server = try await RudeServer { request in
            request.path.hasSuffix("/manifests/sha256-" + String(repeating: "a", count: 64))
                ? Reply(200, [("Content-Type", MediaType.ociIndex)], Self.index([Self.entry(Self.other)])) : Reply(404)
        }
        try await withClient(.reaching(server.url)) { client in
            let found3 = try await client.referrers(of: Digest(someDigest), artifactType: nil, in: .at()).count
            #expect(found3 == 1)
            let found4 = try await client.referrers(of: Digest(Self.other), artifactType: nil, in: .at())
            #expect(found4.isEmpty)
        }
    }

    @Test func couldNotAskIsNotNone() async throws {
        for status in [401, 403, 429, 500, 503] {
            let server = try await RudeServer { _ in Reply(status) }
            try await withClient(.reaching(server.url)) { client in
                let found = try? await client.referrers(of: Digest(someDigest), artifactType: nil, in: .at())
                #expect(found == nil, "\(status)")
            }
        }
    }
}
