import HTTPTypes
import NIOCore
import Testing
import WeirCore
import WeirWeb

private let hex = String(repeating: "a", count: 64)

@Suite struct DistributionPathTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let path: String
        let kind: String
        let name: String
        let what: String

        init(_ path: String, _ kind: String, _ name: String = "", _ what: String = "") {
            self.path = path
            self.kind = kind
            self.name = name
            self.what = what
        }

        var testDescription: String { path }
    }

    @Test(
        "Addresses that are read from their right-hand end",
        arguments: [
            Case("/v2", "ping"),
            Case("/v2/", "ping"),
            Case("/v2/_catalog", "catalog"),
            Case("/v2/app/tags/list", "tags", "app"),
            Case("/v2/tags/list/tags/list", "tags", "tags/list"),
            Case("/v2/app/manifests/latest", "manifest", "app", "latest"),
            Case("/v2/app/manifests/list", "manifest", "app", "list"),
            Case("/v2/a1/b2/c3/d4/manifests/v1.0_x-y", "manifest", "a1/b2/c3/d4", "v1.0_x-y"),
            Case("/v2/team/blobs/app/manifests/latest", "manifest", "team/blobs/app", "latest"),
            Case("/v2/blobs/uploads/manifests/latest", "manifest", "blobs/uploads", "latest"),
            Case("/v2/manifests/manifests/manifests", "manifest", "manifests", "manifests"),
            Case("/v2/app/manifests/sha256:\(hex)", "manifest", "app", "sha256:\(hex)"),
            Case("/v2/app/manifests/sha256%3A\(hex)", "manifest", "app", "sha256:\(hex)"),
            Case("/v2/app/manifests/sha256%3a\(hex)", "manifest", "app", "sha256:\(hex)"),
            Case("/v2/app/blobs/sha256:\(hex)", "blob", "app", "sha256:\(hex)"),
            Case("/v2/team/blobs/app/blobs/sha256:\(hex)", "blob", "team/blobs/app", "sha256:\(hex)"),
            Case("/v2/app/blobs/uploads/", "uploads", "app"),
            Case("/v2/app/blobs/uploads", "uploads", "app"),
            Case("/v2/blobs/uploads/blobs/uploads/", "uploads", "blobs/uploads"),
            Case("/v2/app/blobs/uploads/0f3c", "upload", "app", "0f3c"),
            Case("/v2/app/manifests/blobs/uploads/0f3c", "upload", "app/manifests", "0f3c"),
            Case("/v2/app/referrers/sha256:\(hex)", "referrers", "app", "sha256:\(hex)"),
            Case("/v2/app%2Dx/tags/list", "tags", "app-x"),
        ])
    func addresses(of expected: Case) throws {
        let path = try DistributionPath(expected.path)
        let found: Case =
            switch path {
            case .ping: Case(expected.path, "ping")
            case .catalog: Case(expected.path, "catalog")
            case .tags(let name): Case(expected.path, "tags", "\(name)")
            case .manifest(let name, .reference(let reference)):
                Case(expected.path, "manifest", "\(name)", "\(reference)")
            case .manifest(let name, .malformed(let error)): Case(expected.path, "malformed", "\(name)", "\(error)")
            case .blob(let name, let digest): Case(expected.path, "blob", "\(name)", "\(digest)")
            case .uploads(let name): Case(expected.path, "uploads", "\(name)")
            case .upload(let name, let id): Case(expected.path, "upload", "\(name)", id)
            case .referrers(let name, let digest): Case(expected.path, "referrers", "\(name)", "\(digest)")
            }
        #expect(found.kind == expected.kind)
        #expect(found.name == expected.name)
        #expect(found.what == expected.what)
    }

    @Test(
        "Paths that are none of the API's",
        arguments: ["/v1/", "/v2x/app/tags/list", "/v2/app", "/v2/app/", "/v2/app/tags", "/v2/app/tags/list/", "/v2/app/other/x"])
    func unknown(path: String) {
        #expect(throws: DistributionPath.Problem.notAnAddress) { try DistributionPath(path) }
    }

    @Test(
        "Paths that try to be something else",
        arguments: [
            "/v2/../etc/manifests/x", "/v2/a/../b/tags/list", "/v2/a/%2e%2e/b/tags/list", "/v2/a%2fb/tags/list",
            "/v2/a%2Fb/manifests/x", "/v2/a/manifests/x%00", "/v2/a/./tags/list", "/v2/app/manifests/%zz",
            "/v2/app/manifests/%2", "/v2/app/manifests/%ff%fe", "/v2/app/blobs/uploads/..%5c..%5cx",
            "/v2/app/blobs/uploads/%2e%2e",
        ])
    func tricks(path: String) {
        #expect {
            try DistributionPath(path)
        } throws: { error in
            guard case DistributionPath.Problem.trick = error else { return false }
            return true
        }
    }

    @Test(
        "Names and digests that are none",
        arguments: [
            ("/v2/App/tags/list", "NAME_INVALID"), ("/v2/a//b/tags/list", "NAME_INVALID"),
            ("/v2/a/tags/list", "NAME_INVALID"), ("/v2/app/blobs/sha256:abc", "DIGEST_INVALID"),
            ("/v2/app/blobs/latest", "DIGEST_INVALID"), ("/v2/app%252e/tags/list", "NAME_INVALID"),
            ("/v2/app/referrers/md5:\(hex)", "DIGEST_INVALID"), ("/v2//tags/list", "NAME_INVALID"),
        ])
    func misnamed(path: String, code: String) throws {
        let problem = #expect(throws: DistributionPath.Problem.self) { try DistributionPath(path) }
        let error = DistributionError(try #require(problem))
        #expect(error.code == code)
        #expect(error.status == .badRequest)
    }

    @Test func aTagThatCannotBeOneIsStillAnAddress() throws {
        guard case .manifest(let name, .malformed(let error)) = try DistributionPath("/v2/app/manifests/.INVALID")
        else { return #expect(Bool(false)) }
        #expect("\(name)" == "app")
        #expect(error.noun == "tag")
    }
}

@Suite struct RegistryHostTests {
    @Test(
        "Hosts that name a registry",
        arguments: [
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "123456789012/us-east-1"),
            ("123456789012.dkr.ecr.eu-west-3.localhost:5050", "123456789012/eu-west-3"),
            ("123456789012.dkr-ecr.us-east-1.on.aws", "123456789012/us-east-1"),
            ("123456789012.DKR.ECR.us-gov-west-1.amazonaws.com", "123456789012/us-gov-west-1"),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com:443", "123456789012/us-east-1"),
        ])
    func named(host: String, registry: String) {
        #expect(RegistryHost.registry(named: host)?.description == registry)
    }

    @Test(
        "Hosts that do not",
        arguments: [
            "localhost:5050", "127.0.0.1:5050", "[::1]:5050", "registry.example.com", "12345.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr", "123456789012.dkr.ecr.US_EAST.x", "", "123456789012.ecr.us-east-1.amazonaws.com",
        ])
    func unnamed(host: String) {
        #expect(RegistryHost.registry(named: host) == nil)
    }
}

@Suite struct ByteRangeTests {
    @Test(
        "What a Range header asks of 100 bytes",
        arguments: [
            ("bytes=0-9", ByteRange.part(0..<10)), ("bytes=90-", .part(90..<100)), ("bytes=-10", .part(90..<100)),
            ("bytes=-1000", .part(0..<100)), ("bytes=0-1000", .part(0..<100)), ("bytes=99-99", .part(99..<100)),
            ("bytes= 5 - 9 ", .part(5..<10)), ("bytes=100-", .unsatisfiable), ("bytes=200-300", .unsatisfiable),
            ("bytes=-0", .unsatisfiable), ("bytes=99999999999999999999-", .unsatisfiable),
            ("bytes=0-99999999999999999999", .part(0..<100)), ("bytes=9-5", .unsatisfiable), ("bytes=a-b", .whole),
            ("bytes=0-1,5-6", .whole), ("items=0-1", .whole), ("bytes=", .whole), ("bytes=-", .whole), ("", .whole),
        ])
    func range(header: String, expected: ByteRange) {
        #expect(ByteRange(header, size: 100) == expected)
    }

    @Test func nothingIsInAnEmptyBlob() {
        #expect(ByteRange("bytes=0-0", size: 0) == .unsatisfiable)
        #expect(ByteRange("bytes=0-9223372036854775807", size: ByteCount.limit) == .part(0..<ByteCount.limit))
        #expect(ByteRange("bytes=9223372036854775807-9223372036854775807", size: ByteCount.limit) == .unsatisfiable)
        #expect(ByteRange("bytes=-9223372036854775807", size: 5) == .part(0..<5))
        #expect(ByteRange("bytes=-1", size: 0) == .unsatisfiable)
        #expect(ByteRange(nil, size: 0) == .whole)
    }

    @Test(
        "Where a chunk lies",
        arguments: [
            ("0-9", 0, 9), ("5-5", 5, 5), ("bytes 10-19/20", 10, 19), ("bytes=10-19", 10, 19), (" 0-1 ", 0, 1),
        ] as [(String, Int64, Int64)])
    func chunk(header: String, first: Int64, last: Int64) throws {
        let range = try #require(ChunkRange(header))
        #expect(range.first == first)
        #expect(range.last == last)
    }

    @Test("Chunks that lie nowhere", arguments: ["", "9-5", "-5", "5-", "a-b", "0-9-9", "0", "-1--1"])
    func noChunk(header: String) {
        #expect(ChunkRange(header) == nil)
    }
}

@Suite struct DistributionErrorTests {
    /// OCI distribution 1.1, "Error Codes", and three codes of older registries.
    private static let codes: Set = [
        "BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "DENIED",
        "UNSUPPORTED", "TOOMANYREQUESTS", "TAG_INVALID", "RANGE_INVALID", "UNKNOWN", "UNAVAILABLE",
    ]

    @Test("Every refusal has a status and a code", arguments: Refusal.Reason.allCases)
    func every(reason: Refusal.Reason) {
        let error = DistributionError(Refusal(reason, "why", retryAfter: .seconds(3)))
        #expect(Self.codes.contains(error.code))
        #expect((400...599).contains(error.status.code))
        #expect(error.message == "why")
        #expect(error.retryAfter == .seconds(3))
    }

    @Test(
        "ECR's answers",
        arguments: [
            (Refusal.Reason.repositoryNotFound, 404, "NAME_UNKNOWN"), (.imageNotFound, 404, "MANIFEST_UNKNOWN"),
            (.blobUnknown, 404, "BLOB_UNKNOWN"), (.tokenExpired, 403, "DENIED"), (.accessDenied, 403, "DENIED"),
            (.imageTagAlreadyExists, 400, "TAG_INVALID"), (.manifestInvalid, 405, "UNSUPPORTED"),
            (.manifestOutOfBounds, 400, "MANIFEST_INVALID"),
            (.imageReferencedByManifestList, 405, "UNSUPPORTED"), (.upstreamDenied, 403, "DENIED"),
            (.upstreamRateLimited, 429, "TOOMANYREQUESTS"), (.upstreamUnavailable, 503, "UNAVAILABLE"),
            (.invalidParameter, 405, "UNSUPPORTED"), (.tokenInvalid, 401, "UNAUTHORIZED"),
        ])
    func asInECR(reason: Refusal.Reason, status: Int, code: String) {
        let error = DistributionError(Refusal(reason, ""))
        #expect(error.status.code == status)
        #expect(error.code == code)
    }

    @Test func aMessageIsQuotedAsJSON() {
        let error = DistributionError(.badRequest, "UNKNOWN", "a \"tag\" \\ and\na line \u{1} é")
        #expect(
            String(buffer: error.body)
                == #"{"errors":[{"code":"UNKNOWN","message":"a \"tag\" \\ and\na line \u0001 é"}]}"# + "\n")
    }
}
