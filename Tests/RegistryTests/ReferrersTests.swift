import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry

@Suite struct ReferrersTests {
    private let test: TestRegistry
    private let pushed: RepositoryName
    private let cached: RepositoryName

    init() async throws {
        test = try await TestRegistry()
        pushed = try RepositoryName("mine/app")
        cached = try RepositoryName("ecr-public/team/app")
    }

    private static func artifact(_ type: String, of subject: Digest, _ note: String = "a") -> String {
        """
        {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest)","artifactType":"\(type)","config":{"mediaType":\
        "application/vnd.oci.empty.v1+json","digest":"\(Digest(of: Array("{}".utf8)))","size":2},"layers":[],\
        "subject":{"mediaType":"\(MediaType.ociManifest)","digest":"\(subject)","size":2},"annotations":{"note":"\(note)"}}
        """
    }

    private func put(_ text: String) async throws -> Digest {
        try await test.registry.images.put(
            ByteBuffer(string: text), contentType: MediaType.ociManifest, as: nil, in: pushed, of: test.id
        ).digest
    }

    private func list(
        _ subject: Digest, in name: RepositoryName? = nil, _ filter: ReferrerFilter = ReferrerFilter(),
        after cursor: String? = nil, limit: Int = 100
    ) async throws -> ReferrerList {
        try await test.registry.referrers.list(
            of: subject, in: name ?? pushed, of: test.id, for: test.caller, filter, after: cursor, limit: limit)
    }

    private func repository() async throws {
        _ = try await test.registry.repositories.create(pushed, in: test.id, settings: RepositorySettings())
        try await test.push(ByteBuffer(string: "{}"), to: "mine/app")
    }

    @Test func pushedReferrersAreListedWithTypeSizeAndAnnotations() async throws {
        try await repository()
        let subject = Digest(of: [1])
        let text = Self.artifact("application/x-sig", of: subject, "signed by ann")
        let signature = try await put(text)
        _ = try await put(Self.artifact("application/x-sig", of: Digest(of: [2])))
        #expect(
            try await list(subject).referrers == [
                Referrer(
                    digest: signature, mediaType: MediaType.ociManifest, size: Int64(text.utf8.count),
                    artifactType: "application/x-sig", annotations: ["note": "signed by ann"])
            ])
        #expect(try await list(Digest(of: [3])).referrers.isEmpty)
    }

    @Test func pagesAndTypesTogetherShowEachOnce() async throws {
        try await repository()
        let subject = Digest(of: [1])
        var wanted: Set<Digest> = []
        for number in 0..<12 {
            let digest = try await put(
                Self.artifact(number.isMultiple(of: 3) ? "application/x-sbom" : "application/x-sig", of: subject, "\(number)"))
            if !number.isMultiple(of: 3) { wanted.insert(digest) }
        }
        let filter = ReferrerFilter(artifactTypes: ["application/x-sig", "application/x-none"])
        var seen: [Digest] = []
        var cursor: String?
        repeat {
            let page = try await list(subject, filter, after: cursor, limit: 3)
            seen += page.referrers.map(\.digest)
            cursor = page.next
        } while cursor != nil
        #expect(seen.count == 8 && Set(seen) == wanted && seen == seen.sorted())
    }

    @Test func anUnknownRepositoryIsRefused() async throws {
        let refusal = await #expect(throws: Refusal.self) { try await list(Digest(of: [1])) }
        #expect(refusal?.reason == .repositoryNotFound)
    }

    @Test func upstreamIsAskedOnceInSixHoursAndItsWordOutlivesIt() async throws {
        try await test.rule()
        let image = test.upstream.addImage(to: "team/app", tags: ["1"], layer: noise(1_000))
        let signature = test.upstream.add(
            manifest: ByteBuffer(string: Self.artifact("application/x-sig", of: image.manifest)), to: "team/app")
        _ = try await test.pull("1", "\(cached)")
        for _ in 0..<3 {
            #expect(try await list(image.manifest, in: cached).referrers.map(\.digest) == [signature])
        }
        #expect(test.upstream.count(.referrers) == 1)

        test.pass(.seconds(6 * 3600))
        let second = test.upstream.add(
            manifest: ByteBuffer(string: Self.artifact("application/x-sbom", of: image.manifest)), to: "team/app")
        #expect(Set(try await list(image.manifest, in: cached).referrers.map(\.digest)) == [signature, second])
        #expect(test.upstream.count(.referrers) == 2)

        test.upstream.fail(.unavailable)
        test.pass(.seconds(7 * 3600))
        for _ in 0..<3 {
            let held = try await list(image.manifest, in: cached)
            #expect(held.referrers.count == 2 && held.warning != nil)
        }
        #expect(test.upstream.count(.referrers) == 3)
    }

    @Test func whatWasNeverToldIsNotMadeUp() async throws {
        try await test.rule()
        let image = test.upstream.addImage(to: "team/app", tags: ["1"], layer: noise(1_000))
        _ = try await test.pull("1", "\(cached)")
        test.upstream.fail(.rateLimited)
        let refusal = await #expect(throws: Refusal.self) { try await list(image.manifest, in: cached) }
        #expect(refusal?.reason == .upstreamRateLimited)
        test.upstream.recover()
        #expect(try await list(image.manifest, in: cached).referrers.isEmpty)
    }

    @Test func aPulledReferrerAndUpstreamsWordAreOneEntry() async throws {
        try await test.rule()
        let image = test.upstream.addImage(to: "team/app", tags: ["1"], layer: noise(1_000))
        test.upstream.add(blob: ByteBuffer(string: "{}"), to: "team/app")
        let signature = test.upstream.add(
            manifest: ByteBuffer(string: Self.artifact("application/x-sig", of: image.manifest)), to: "team/app")
        _ = try await test.pull("1", "\(cached)")
        _ = try await test.pull("\(signature)", "\(cached)")
        #expect(try await list(image.manifest, in: cached).referrers.map(\.digest) == [signature])
    }

    @Test func askingUpstreamNeedsTheRightTo() async throws {
        try await test.rule()
        let image = test.upstream.addImage(to: "team/app", tags: ["1"], layer: noise(1_000))
        _ = try await test.pull("1", "\(cached)")
        let foreigner = Caller.root(of: try AccountID("444455556666"))
        let refusal = await #expect(throws: Refusal.self) {
            try await test.registry.referrers.list(of: image.manifest, in: cached, of: test.id, for: foreigner)
        }
        #expect(refusal?.reason == .accessDenied)
        #expect(test.upstream.count(.referrers) == 0)
    }
}
