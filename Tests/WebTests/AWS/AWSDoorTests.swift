import NIOCore
import Testing
import WeirCore
import WeirIdentity
import WeirSigV4
import WeirWeb

@Suite struct AWSDoorTests {
    @Test func aSignedCallIsAnswered() async throws {
        let aws = try await TestAWS()
        let response = await aws.respond(to: aws.request("DescribeRegistry", body: "{}"))
        #expect(response.status == 200)
        #expect(response.header("Content-Type") == "application/x-amz-json-1.1")
        #expect(response.header("x-amzn-RequestId") == "11111111-2222-4333-8444-555555555555")
        #expect(
            String(buffer: response.body)
                == #"{"registryId":"111122223333","replicationConfiguration":{"rules":[]}}"#)
    }

    @Test func anEmptyBodyIsACallWithoutMembers() async throws {
        let aws = try await TestAWS()
        #expect(await aws.respond(to: aws.request("DescribeRegistry", body: "")).status == 200)
    }

    @Test func anUnsignedCallIsRefused() async throws {
        let aws = try await TestAWS()
        let signed = aws.request("DescribeRegistry", body: "{}")
        let request = changed(signed, headers: signed.headers.filter { $0.name != "Authorization" })
        #expect(
            try TestAWS.refusal(await aws.respond(to: request))
                == "MissingAuthenticationTokenException: Missing Authentication Token")
    }

    @Test func anUnknownKeyIsRefused() async throws {
        let aws = try await TestAWS()
        let request = aws.request("DescribeRegistry", body: "{}", key: "AKIANOBODY")
        #expect(
            try TestAWS.refusal(await aws.respond(to: request))
                == "UnrecognizedClientException: The security token included in the request is invalid.")
    }

    @Test func aKeyTakenAwayIsRefusedAtOnce() async throws {
        let aws = try await TestAWS()
        try await aws.accessKeys.remove(id: TestAWS.accessKeyID)
        #expect(try await aws.refusal("DescribeRegistry").hasPrefix("UnrecognizedClientException"))
    }

    static let mismatch =
        "InvalidSignatureException: The request signature we calculated does not match the signature you provided. Check your "
        + "AWS Secret Access Key and signing method. Consult the service documentation for details."

    @Test func aWrongSecretIsRefused() async throws {
        let aws = try await TestAWS()
        let request = aws.request("DescribeRegistry", body: "{}", secret: "another")
        #expect(try TestAWS.refusal(await aws.respond(to: request)) == Self.mismatch)
    }

    @Test func whatIsSignedCannotBeChanged() async throws {
        let aws = try await TestAWS()
        let signed = aws.request("DescribeRegistry", body: "{}")
        let target = signed.headers.map { name, value in
            (name: name, value: value.replacing("DescribeRegistry", with: "DeleteRepository"))
        }
        for request in [
            changed(signed, body: "{ }"), changed(signed, headers: target), changed(signed, query: "a=b"),
            changed(signed, path: "/x"), changed(signed, method: "PUT"),
        ] {
            #expect(try TestAWS.refusal(await aws.respond(to: request)) == Self.mismatch)
        }
    }

    @Test func aBodyThatIsNotWhatItsHashSaysIsRefused() async throws {
        let aws = try await TestAWS()
        let headers = [
            (name: "Host", value: "localhost"),
            (name: "X-Amz-Target", value: "\(AWSService.ecr.targetPrefix ?? "").DescribeRegistry"),
            (name: "X-Amz-Content-Sha256", value: SigV4.payloadHash("{}".utf8)),
        ]
        let added = SigV4.sign(
            SignableRequest(method: "POST", rawPath: "/", rawQuery: "", headers: headers),
            payloadHash: SigV4.payloadHash("{}".utf8),
            credential: SigV4Credential(accessKeyID: TestAWS.accessKeyID, secret: Array(TestAWS.secret.utf8)),
            region: "us-east-2", service: "ecr", at: SigV4Time(seconds: 1_800_000_000))
        let right = AWSRequest(
            method: "POST", rawPath: "/", rawQuery: "", headers: headers + added, body: ByteBuffer(string: "{}"))
        #expect(await aws.respond(to: right).status == 200)
        #expect(try TestAWS.refusal(await aws.respond(to: changed(right, body: "{ }"))) == Self.mismatch)
    }

    @Test(
        "Clocks that are wrong",
        arguments: [
            (
                -901,
                "InvalidSignatureException: Signature expired: 20270115T074459Z is now earlier than 20270115T074500Z (20270115T080000Z - 15 min.)"
            ),
            (
                901,
                "InvalidSignatureException: Signature not yet current: 20270115T081501Z is still later than 20270115T081500Z (20270115T080000Z + 15 min.)"
            ),
        ])
    func skew(seconds: Int, message: String) async throws {
        let aws = try await TestAWS()
        let request = aws.request("DescribeRegistry", body: "{}", at: TestAWS.now + .seconds(seconds))
        #expect(try TestAWS.refusal(await aws.respond(to: request)) == message)
        let near = aws.request("DescribeRegistry", body: "{}", at: TestAWS.now + .seconds(seconds - seconds.signum()))
        #expect(await aws.respond(to: near).status == 200)
    }

    @Test func anotherServicesSignatureIsRefused() async throws {
        let aws = try await TestAWS()
        let kms = aws.request("DescribeRegistry", body: "{}", service: .kms)
        let request = changed(
            kms,
            headers: kms.headers.map { name, value in
                (name: name, value: value.replacing("TrentService", with: "AmazonEC2ContainerRegistry_V20150921"))
            })
        #expect(
            try TestAWS.refusal(await aws.respond(to: request))
                == "InvalidSignatureException: Credential should be scoped to correct service: 'ecr'.")
    }

    @Test(
        "Authorization headers in pieces",
        arguments: [
            ("AWS4-HMAC-SHA256", "IncompleteSignatureException"), ("AWS4-HMAC-MD5 Credential=a", "IncompleteSignatureException"),
            ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0", "IncompleteSignatureException"),
            (
                "AWS4-HMAC-SHA256 Credential=a/20270115/us-east-2/ecr/aws5, SignedHeaders=host, Signature=0",
                "InvalidSignatureException"
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a/20270115/us-east-2/ecr/aws4_request, SignedHeaders=host, Signature=0",
                "InvalidSignatureException"
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a/20270115/US EAST/ecr/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=0",
                "InvalidSignatureException"
            ),
            ("Basic QVdTOng=", "MissingAuthenticationTokenException"),
        ])
    func pieces(header: String, type: String) async throws {
        let aws = try await TestAWS()
        let signed = aws.request("DescribeRegistry", body: "{}")
        let request = changed(signed, headers: signed.headers.map { $0.name == "Authorization" ? ($0.name, header) : $0 })
        #expect(try TestAWS.refusal(await aws.respond(to: request)).hasPrefix(type + ":"))
    }

    @Test(
        "Operations that nobody knows",
        arguments: [
            ("Dance", "UnknownOperationException: ecr has no operation 'Dance'."),
            ("", "UnknownOperationException: ecr has no operation ''."),
        ])
    func unknown(operation: String, message: String) async throws {
        let aws = try await TestAWS()
        #expect(try await aws.refusal(operation) == message)
    }

    @Test func aServiceThatNobodyKnowsIsRefused() async throws {
        let aws = try await TestAWS()
        let signed = aws.request("ListTables", body: "{}")
        let request = changed(
            signed,
            headers: signed.headers.map { name, value in
                (name: name, value: value.replacing("AmazonEC2ContainerRegistry_V20150921", with: "DynamoDB_20120810"))
            })
        #expect(try TestAWS.refusal(await aws.respond(to: request)).hasPrefix("UnknownOperationException:"))
    }

    @Test("Bodies that are no JSON object", arguments: ["{", "null", "[]", "\"a\"", "{}{}", "\u{0}", "<xml/>"])
    func malformed(body: String) async throws {
        let aws = try await TestAWS()
        let request = aws.request("DescribeRegistry", body: body)
        #expect(try TestAWS.refusal(await aws.respond(to: request)).hasPrefix("SerializationException:"))
    }

    @Test func anErrorOfOursTellsNothing() async throws {
        struct Broken: Error, CustomStringConvertible { let description = "the disk at /secret/path" }
        let aws = try await TestAWS(extra: [AWSOperation(.kms, "Break", may: .none) { _ in throw Broken() }])
        let response = await aws.respond(to: aws.request("Break", body: "{}", service: .kms))
        #expect(response.status == 500)
        let body = String(buffer: response.body)
        #expect(body.contains("KMSInternalException"))
        #expect(!body.contains("/secret/path"))
    }

    @Test func aBodyTooLargeIsRefused() async throws {
        let aws = try await TestAWS()
        guard case .welcome(let visit) = await aws.door.admit(aws.request("PutImage", body: "{}")) else {
            Issue.record("it is not read at all")
            return
        }
        let response = aws.door.refuse(AWSDoor.tooLarge(visit), visit)
        #expect(response.status == 413)
        #expect(String(buffer: response.body).contains("RequestEntityTooLargeException"))
    }
}

/// The Query services: forms in, XML out.
@Suite struct AWSQueryTests {
    @Test func theCallerIsTold() async throws {
        let aws = try await TestAWS()
        let response = await aws.respond(to: aws.query("Action=GetCallerIdentity&Version=2011-06-15", service: .sts))
        #expect(response.status == 200)
        #expect(response.header("Content-Type") == "text/xml")
        #expect(
            String(buffer: response.body)
                == "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>"
                + "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:root</Arn><UserId>111122223333</UserId>"
                + "</GetCallerIdentityResult><ResponseMetadata><RequestId>11111111-2222-4333-8444-555555555555</RequestId>"
                + "</ResponseMetadata></GetCallerIdentityResponse>")
    }

    @Test func theCallerIsToldInJSONToo() async throws {
        let aws = try await TestAWS()
        let response = await aws.respond(to: aws.request("GetCallerIdentity", body: "{}", service: .sts))
        #expect(String(buffer: response.body).contains(#""Arn":"arn:aws:iam::111122223333:root""#))
    }

    @Test func terraformsFirstQuestionIsAnswered() async throws {
        let aws = try await TestAWS()
        let root = await aws.respond(to: aws.query("Action=GetUser&Version=2010-05-08", service: .iam))
        #expect(root.status == 200)
        #expect(String(buffer: root.body).contains("<Arn>arn:aws:iam::111122223333:root</Arn><CreateDate>2027-01-15T08:00:00Z"))
        let other = await aws.respond(to: aws.query("Action=GetUser&UserName=a.b&Version=2010-05-08", service: .iam))
        #expect(other.status == 404)
        #expect(String(buffer: other.body).contains("<Code>NoSuchEntity</Code><Message>The user with name a.b cannot be found."))
    }

    @Test func aPresignedURLWillDoUntilItExpires() async throws {
        let aws = try await TestAWS()
        let headers = [(name: "Host", value: "localhost:5050")]
        func ask(age: Int64, action: String = "GetCallerIdentity") async -> AWSResponse {
            let query = SigV4.presign(
                SignableRequest(
                    method: "GET", rawPath: "/", rawQuery: "Action=GetCallerIdentity&Version=2011-06-15", headers: headers),
                payloadHash: SigV4.payloadHash([]),
                credential: SigV4Credential(accessKeyID: TestAWS.accessKeyID, secret: Array(TestAWS.secret.utf8)),
                region: "us-east-1", service: "sts", at: SigV4Time(seconds: 1_800_000_000 - age), expires: 60)
            return await aws.respond(
                to: AWSRequest(
                    method: "GET", rawPath: "/", rawQuery: query.replacing("GetCallerIdentity", with: action),
                    headers: headers, body: ByteBuffer()))
        }
        #expect(await ask(age: 60).status == 200)
        let old = await ask(age: 61)
        #expect(old.status == 403)
        #expect(
            String(buffer: old.body).contains("<Code>SignatureDoesNotMatch</Code><Message>Signature expired: 20270115T075959Z"))
        #expect(await ask(age: 0, action: "GetUser").status == 403)
    }

    @Test(
        "Refusals in XML",
        arguments: [
            ("Action=Dance", 400, "<Code>InvalidAction</Code>"), ("Action=%ff", 400, "<Code>"), ("Action=%", 400, "<Code>"),
            ("Version=1", 400, "<Code>InvalidAction</Code>"),
        ])
    func refused(form: String, status: Int, part: String) async throws {
        let aws = try await TestAWS()
        let response = await aws.respond(to: aws.query(form, service: .sts))
        #expect(response.status == status)
        #expect(String(buffer: response.body).contains(part))
    }
}

private func changed(
    _ request: AWSRequest, method: String? = nil, path: String? = nil, query: String? = nil,
    headers: [(name: String, value: String)]? = nil, body: String? = nil
) -> AWSRequest {
    AWSRequest(
        method: method ?? request.method, rawPath: path ?? request.rawPath, rawQuery: query ?? request.rawQuery,
        headers: headers ?? request.headers, body: body.map { ByteBuffer(string: $0) } ?? request.body)
}
