import NIOCore
import Testing
import WeirCore
import WeirSigV4

import WeirWeb

/// What is decided about a call before its body is read.
@Suite struct AdmissionTests {
    private func told(_ aws: TestAWS, _ operation: String, hash: String, secret: String = TestAWS.secret) -> AWSRequest {
        let headers = [
            (name: "Host", value: "localhost:5050"), (name: "Content-Type", value: "application/x-amz-json-1.1"),
            (name: "X-Amz-Target", value: "\(AWSService.ecr.targetPrefix ?? "").\(operation)"),
            (name: "X-Amz-Content-Sha256", value: hash),
        ]
        let added = SigV4.sign(
            SignableRequest(method: "POST", rawPath: "/", rawQuery: "", headers: headers), payloadHash: hash,
            credential: SigV4Credential(accessKeyID: TestAWS.accessKeyID, secret: Array(secret.utf8)), region: "us-east-2",
            service: "ecr", at: SigV4Time(seconds: 1_800_000_000))
        return AWSRequest(method: "POST", rawPath: "/", rawQuery: "", headers: headers + added, body: ByteBuffer())
    }

    private func refusal(_ admission: AWSDoor.Admission) throws -> String? {
        guard case .refused(let response) = admission else { return nil }
        return try TestAWS.refusal(response)
    }

    @Test func aHashThatIsToldProvesBeforeTheBody() async throws {
        let aws = try await TestAWS()
        let hash = SigV4.payloadHash("{}".utf8)
        guard case .welcome(let visit) = await aws.door.admit(told(aws, "DescribeRegistry", hash: hash)) else {
            Issue.record("refused")
            return
        }
        #expect(visit.isProved)
        let forged = told(aws, "DescribeRegistry", hash: hash, secret: "x")
        #expect(try refusal(await aws.door.admit(forged))?.hasPrefix("InvalidSignature") == true)
        let right = await aws.door.respond(to: visit, body: ByteBuffer(string: "{}"), bodyHash: hash)
        #expect(right.status == 200)
        let other = await aws.door.respond(
            to: visit, body: ByteBuffer(string: "{ }"), bodyHash: SigV4.payloadHash("{ }".utf8))
        #expect(try TestAWS.refusal(other).hasPrefix("InvalidSignature"))
    }

    @Test func withoutOneOnlyTheBodyProves() async throws {
        let aws = try await TestAWS()
        guard case .welcome(let visit) = await aws.door.admit(aws.request("DescribeRegistry", body: "{}")),
            case .welcome(let layer) = await aws.door.admit(aws.request("UploadLayerPart", body: "{}"))
        else {
            Issue.record("refused")
            return
        }
        #expect(!visit.isProved && visit.maxBodySize == AWSDoor.maxOrdinaryBodySize)
        #expect(layer.maxBodySize == AWSDoor.maxBodySize)
    }

    @Test func whatTheHeadTellsIsEnoughToRefuse() async throws {
        let aws = try await TestAWS()
        let old = aws.request("DescribeRegistry", body: "", at: TestAWS.now + .seconds(-1_000))
        #expect(try refusal(await aws.door.admit(old))?.hasPrefix("InvalidSignatureException: Signature expired") == true)
        let unknown = aws.request("DescribeRegistry", body: "", key: "AKIANOBODY")
        #expect(try refusal(await aws.door.admit(unknown))?.hasPrefix("UnrecognizedClient") == true)
    }

    @Test func anUnsignedBodyIsForS3Alone() async throws {
        let aws = try await TestAWS()
        let request = told(aws, "DescribeRegistry", hash: SigV4.unsignedPayload)
        #expect(try refusal(await aws.door.admit(request))?.contains("Amazon S3") == true)
        #expect(
            try refusal(await aws.door.admit(told(aws, "DescribeRegistry", hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER"))) == nil)
    }

    @Test func aFormOfManyItemsIsRefusedAsItIsSplit() async throws {
        let aws = try await TestAWS()
        let form = "Action=GetCallerIdentity&" + String(repeating: "a&", count: 400_000)
        let response = await aws.respond(to: aws.query(form, service: .sts))
        #expect(response.status == 400 && String(buffer: response.body).contains("Too many parameters"))
        // A signer who proves nothing is not told even that.
        let forged = aws.query(form, service: .sts)
        let stranger = AWSRequest(
            method: "POST", rawPath: "/", rawQuery: "",
            headers: forged.headers.map { $0.name == "Authorization" ? ($0.name, $0.value + "0") : $0 }, body: forged.body)
        #expect(await aws.respond(to: stranger).status == 403)
    }
}
