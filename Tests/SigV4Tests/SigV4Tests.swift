import Testing
import WeirSigV4

/// The first two signatures are AWS's published test vectors (`get-vanilla`, `get-vanilla-query-order-key-case`); the others were
/// made with botocore 1.43.11.
@Suite struct SigV4Tests {
    struct Case: Sendable, CustomTestStringConvertible {
        let method: String
        let path: String
        let query: String
        var host = "example.amazonaws.com"
        var headers: [(name: String, value: String)] = []
        var body = ""
        var region = "us-east-1"
        var service = "service"
        let signature: String

        var testDescription: String { "\(method) \(path)?\(query)" }
        var request: SignableRequest {
            SignableRequest(
                method: method, rawPath: path, rawQuery: query, headers: [(name: "Host", value: host)] + headers)
        }
    }

    static let cases = [
        Case(
            method: "GET", path: "/", query: "",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        Case(
            method: "GET", path: "/", query: "Param2=value2&Param1=value1",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        Case(
            method: "GET", path: "/a%20b/%E1%88%B4/../x", query: "",
            signature: "cb5e40cdfa1eb375fdafb4ae73cfda5ec203f64a147e2571bdd67bad5494484e"),
        Case(
            method: "GET", path: "/", query: "b=%2F%20x&a=1&a=0&c",
            signature: "53d563b3c750831ede7a94860c0344f3d6909b573d54186d5b7e0831026dca64"),
        Case(
            method: "POST", path: "/", query: "", host: "ecr.us-east-2.amazonaws.com",
            headers: [
                (name: "Content-Type", value: "application/x-amz-json-1.1"),
                (name: "X-Amz-Target", value: "AmazonEC2ContainerRegistry_V20150921.CreateRepository"),
            ], body: #"{"repositoryName":"a/b"}"#, region: "us-east-2", service: "ecr",
            signature: "e613829b9f6631ee25ad08439fe1d40d269d19a26e10676c46a0d10b212d44d5"),
    ]

    static let credential = SigV4Credential(
        accessKeyID: "AKIDEXAMPLE", secret: Array("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".utf8))
    static let time = SigV4Time(seconds: 1_440_938_160)

    static func signed(_ test: Case) -> SignableRequest {
        let added = SigV4.sign(
            test.request, payloadHash: SigV4.payloadHash(test.body.utf8), credential: credential, region: test.region,
            service: test.service, at: time)
        return SignableRequest(
            method: test.method, rawPath: test.path, rawQuery: test.query, headers: test.request.headers + added)
    }

    static func verifies(_ request: SignableRequest, body: String = "", secret: [UInt8] = credential.secret) throws -> Bool {
        let claim = try #require(try SigV4.claim(of: request))
        return SigV4.verify(claim, request: request, payloadHash: SigV4.payloadHash(body.utf8), secret: secret)
    }

    @Test("Signatures that others make too", arguments: cases)
    func signature(test: Case) throws {
        let claim = try #require(try SigV4.claim(of: Self.signed(test)))
        #expect(claim.signature == test.signature)
        #expect(claim.accessKeyID == "AKIDEXAMPLE")
        #expect(claim.time == Self.time)
    }

    @Test("What is signed verifies, with its own secret only", arguments: cases)
    func roundTrip(test: Case) throws {
        #expect(try Self.verifies(Self.signed(test), body: test.body))
        #expect(try !Self.verifies(Self.signed(test), body: test.body, secret: Array("another".utf8)))
        #expect(try !Self.verifies(Self.signed(test), body: test.body + "x"))
    }

    @Test func aChangeAnywhereBreaksIt() throws {
        let request = Self.signed(Self.cases[4])
        let body = Self.cases[4].body
        func changed(
            method: String? = nil, path: String? = nil, query: String? = nil, header: String = "", value: String = ""
        ) -> SignableRequest {
            SignableRequest(
                method: method ?? request.method, rawPath: path ?? request.rawPath, rawQuery: query ?? request.rawQuery,
                headers: request.headers.map { $0.name == header ? ($0.name, value) : $0 })
        }
        #expect(try Self.verifies(changed(), body: body))
        #expect(try !Self.verifies(changed(method: "PUT"), body: body))
        #expect(try !Self.verifies(changed(path: "/x"), body: body))
        #expect(try !Self.verifies(changed(query: "x=1"), body: body))
        #expect(try !Self.verifies(changed(header: "Host", value: "other"), body: body))
        #expect(try !Self.verifies(changed(header: "X-Amz-Target", value: "a.DeleteRepository"), body: body))
    }

    @Test func spacesInHeadersAndEncodingsInQueriesAreOneText() throws {
        let request = Self.signed(
            Case(
                method: "GET", path: "/", query: "a=%2F", headers: [(name: "My-Header", value: "a b")], signature: ""))
        let received = SignableRequest(
            method: "GET", rawPath: "/", rawQuery: "a=%2f",
            headers: request.headers.map { $0.name == "My-Header" ? ("my-header", "  a   b ") : $0 })
        #expect(try Self.verifies(received))
    }

    @Test func theQueryFormVerifies() throws {
        // Made by botocore's SigV4QueryAuth.
        let query =
            "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830"
            + "%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host"
            + "&X-Amz-Signature=f7ecc5b34a75015a339acfba7f20bbac860cda137199d525d67ef86a52d121de"
        let headers = [(name: "Host", value: "localhost:5050")]
        let request = SignableRequest(method: "GET", rawPath: "/", rawQuery: query, headers: headers)
        let claim = try #require(try SigV4.claim(of: request))
        #expect(claim.form == .query(expires: 60))
        #expect(try Self.verifies(request))
        let own = SigV4.presign(
            SignableRequest(
                method: "GET", rawPath: "/", rawQuery: "Action=GetCallerIdentity&Version=2011-06-15", headers: headers),
            payloadHash: SigV4.payloadHash([]), credential: Self.credential, region: "us-east-1", service: "sts",
            at: Self.time, expires: 60)
        #expect(own == query)
        let changed = SignableRequest(
            method: "GET", rawPath: "/", rawQuery: query.replacing("Expires=60", with: "Expires=600"), headers: headers)
        #expect(try !Self.verifies(changed))
    }

    @Test func s3SignsItsPathAsSent() throws {
        let request = Self.signed(Case(method: "GET", path: "/b/a%20b//../c", query: "", service: "s3", signature: ""))
        #expect(request.header("x-amz-content-sha256") == SigV4.payloadHash([]))
        #expect(try Self.verifies(request))
        let other = SignableRequest(
            method: "GET", rawPath: "/b/a%20b/../c", rawQuery: "", headers: request.headers)
        #expect(try !Self.verifies(other))
    }
}

@Suite struct SignatureClaimTests {
    static let good =
        "AWS4-HMAC-SHA256 Credential=AK/20150830/us-east-1/ecr/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"

    static func claim(
        _ authorization: String?, date: String? = "20150830T123600Z", query: String = "",
        extra: [(name: String, value: String)] = []
    ) throws(SigV4Error) -> SignatureClaim? {
        var headers = [(name: "Host", value: "localhost")] + extra
        if let date { headers.append((name: "X-Amz-Date", value: date)) }
        if let authorization { headers.append((name: "Authorization", value: authorization)) }
        return try SigV4.claim(of: SignableRequest(method: "POST", rawPath: "/", rawQuery: query, headers: headers))
    }

    @Test func aRequestWithoutASignatureMakesNoClaim() throws {
        #expect(try Self.claim(nil)?.signature == nil)
        #expect(try Self.claim("Basic QVdTOng=")?.signature == nil)
        #expect(try Self.claim(nil, query: "a=b&&=&%")?.signature == nil)
    }

    @Test func missingPartsAreAllNamed() {
        #expect(
            throws: SigV4Error.incomplete([
                "Authorization header requires 'Credential' parameter.", "Authorization header requires 'Signature' parameter.",
                "Authorization header requires 'SignedHeaders' parameter.",
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            ])
        ) { try Self.claim("AWS4-HMAC-SHA256 ", date: nil) }
    }

    @Test(
        "Claims that cannot be used",
        arguments: [
            (good.replacing("HMAC-SHA256", with: "ECDSA-P256-SHA256"), SigV4Error.unsupportedAlgorithm("AWS4-ECDSA-P256-SHA256")),
            (good.replacing("/aws4_request", with: ""), .malformedCredential("AK/20150830/us-east-1/ecr")),
            (good.replacing("aws4_request", with: "aws5"), .wrongTerminator("aws5")),
            (
                good.replacing("20150830", with: "20150831"),
                .dateOutsideScope(scope: "20150831", time: SigV4Time(seconds: 1_440_938_160))
            ),
            (good.replacing("host;", with: ""), .headerNotSigned("host")),
            (good.replacing(";x-amz-date", with: ""), .headerNotSigned("x-amz-date")),
        ])
    func refused(authorization: String, reason: SigV4Error) {
        #expect(throws: reason) { try Self.claim(authorization) }
    }

    @Test func anOperationThatIsNotSignedIsRefused() {
        #expect(throws: SigV4Error.headerNotSigned("x-amz-target")) {
            try Self.claim(Self.good, extra: [(name: "X-Amz-Target", value: "x.DeleteRepository")])
        }
    }

    @Test func twoSignaturesAtOnceAreRefused() {
        #expect(throws: SigV4Error.twoSignatures) { try Self.claim(Self.good, query: "X-Amz-Algorithm=AWS4-HMAC-SHA256") }
    }

    @Test(
        "What is there twice is refused, in any case",
        arguments: [
            (["X-Amz-Date"], ""), (["x-amz-date"], ""), (["X-Amz-Target", "x-amz-target"], ""),
            (["X-AMZ-Security-Token", "X-Amz-Security-Token"], ""), ([], "X-Amz-Meta=1&X-Amz-Meta=1"),
            ([], "X-Amz-Meta=1&x-amz-meta=2"),
            ([], "X-Amz-Meta=1&X%2DAmz-Meta=2"),
        ])
    func twice(headers: [String], query: String) {
        #expect {
            try Self.claim(Self.good, query: query, extra: headers.map { (name: $0, value: "20150830T123600Z") })
        } throws: { error in
            guard case SigV4Error.givenTwice? = error as? SigV4Error else { return false }
            return true
        }
    }

    @Test func aPartOfASignatureThatIsThereTwiceIsRefused() {
        #expect(throws: SigV4Error.givenTwice("Signature")) { try Self.claim(Self.good + ", Signature=00") }
        #expect(throws: SigV4Error.givenTwice("authorization")) {
            try Self.claim(Self.good, extra: [(name: "authorization", value: Self.good)])
        }
    }

    @Test("Dates", arguments: ["2015-08-30T12:36:00Z", "20151330T123600Z", "20150830T243600Z", "", "20150830T12360０Z"])
    func badDate(text: String) {
        #expect(throws: SigV4Error.malformedDate(text)) { try Self.claim(Self.good, date: text) }
    }

    @Test(
        "Moments and their texts",
        arguments: [
            (0, "19700101T000000Z"), (951_782_400, "20000229T000000Z"), (1_440_938_160, "20150830T123600Z"),
            (4_107_542_399, "21000228T235959Z"), (4_107_542_400, "21000301T000000Z"),
        ])
    func time(seconds: Int64, text: String) throws {
        #expect(SigV4Time(seconds: seconds).description == text)
        #expect(try #require(SigV4Time(text)).seconds == seconds)
    }

    @Test func anHTTPDateWillDo() {
        #expect(SigV4Time(httpDate: "Sun, 30 Aug 2015 12:36:00 GMT") == SigV4Time(seconds: 1_440_938_160))
        #expect(SigV4Time(httpDate: "Sun, 30 Aug 2015 12:36:00 CET") == nil)
    }

    @Test func aCredentialPrintsAsNothing() {
        let text = "\(SigV4Tests.credential)" + String(reflecting: SigV4Tests.credential)
        #expect(!text.contains("wJalr"))
        #expect(!text.contains("119"))
    }
}

/// Headers that strangers may write, and that are parsed before anything is proved.
@Suite struct SignedHeadersTests {
    private func claim(_ names: String, query: String = "", headers: Int = 0) throws -> SignatureClaim? {
        let scope = "AKIDEXAMPLE/20150830/us-east-1/ecr/aws4_request"
        let extra = (0..<headers).map { (name: "X-Amz-\($0)", value: "v") }
        return try SigV4.claim(
            of: SignableRequest(
                method: "POST", rawPath: "/", rawQuery: query,
                headers: [
                    (name: "Host", value: "h"), (name: "X-Amz-Date", value: "20150830T123600Z"),
                    (name: "Authorization", value: "AWS4-HMAC-SHA256 Credential=\(scope), SignedHeaders=\(names), Signature=0"),
                ] + extra))
    }

    @Test(
        "Lists of names that AWS refuses",
        arguments: [
            "x-amz-date;host", "host;host;x-amz-date", "Host;x-amz-date", "host;;x-amz-date", "host;x-amz-date;",
            ";host;x-amz-date",
            "host;x amz;x-amz-date",
        ])
    func disorder(names: String) {
        #expect(throws: SigV4Error.malformedSignedHeaders(names)) { try claim(names) }
    }

    @Test func aListInOrderIsTaken() throws {
        #expect(try claim("content-type;host;x-amz-date")?.signedHeaders == ["content-type", "host", "x-amz-date"])
        #expect(throws: SigV4Error.headerNotSigned("x-amz-date")) { try claim("host") }
    }

    @Test func thousandsOfNamesAreNotLookedAt() throws {
        let names = (0..<10_000).map { "a\(format5($0))" } + ["host", "x-amz-date"]
        #expect(throws: SigV4Error.self) { try claim(names.joined(separator: ";"), headers: 190) }
        #expect(throws: SigV4Error.tooManyParameters) {
            try claim("host;x-amz-date", query: String(repeating: "a&", count: 16_000))
        }
    }

    private func format5(_ number: Int) -> String { String(String(100_000 + number).dropFirst()) }
}
