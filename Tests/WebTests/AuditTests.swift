import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirRegistry
import WeirWeb

@Suite struct AuditTests {
    private final class Lines: LineSink {
        private let kept = Mutex<[String]>([])
        func take(_ line: String) { kept.withLock { $0.append(line) } }

        /// The records since the last call, parsed.
        func records() throws -> [JSONValue] {
            let lines = kept.withLock { kept in
                defer { kept = [] }
                return kept
            }
            return try lines.map { try JSONValue(parsing: $0.utf8) }
        }
    }

    @Test func aCallOfTheAWSDoorIsRecordedAsCloudTrailDoes() async throws {
        let lines = Lines()
        let house = try await TestAWS(audit: lines)
        _ = try await house.call("CreateRepository", ["repositoryName": "my/app"])
        let record = try #require(try lines.records().first)
        #expect(record["eventSource"] == "ecr.amazonaws.com" && record["eventName"] == "CreateRepository")
        #expect(record["awsRegion"] == "us-east-2" && record["recipientAccountId"] == "111122223333")
        #expect(record["userIdentity"]?["type"] == "Root")
        #expect(record["userIdentity"]?["accessKeyId"]?.string == TestAWS.accessKeyID)
        #expect(record["requestParameters"]?["repositoryName"] == "my/app")
        #expect(record["responseElements"]?["repository"]?["repositoryName"] == "my/app")
        #expect(record["readOnly"] == false && record["errorCode"] == nil)
        #expect(record["resources"]?.array.first?["ARN"] == "arn:aws:ecr:us-east-2:111122223333:repository/my/app")

        _ = try await house.refusal("DescribeImages", ["repositoryName": "no/such"])
        let refused = try #require(try lines.records().first)
        #expect(refused["errorCode"] == "RepositoryNotFoundException" && refused["readOnly"] == true)
        #expect(refused["responseElements"] == .null)
    }

    @Test func aWrongSignatureIsRecordedAndNobodyIsNamed() async throws {
        let lines = Lines()
        let house = try await TestAWS(audit: lines)
        _ = await house.respond(to: house.request("DescribeRegistry", body: "{}", secret: "not the secret at all"))
        let record = try #require(try lines.records().first)
        #expect(record["errorCode"] == "InvalidSignatureException")
        // The key is claimed, and proves no identity.
        #expect(record["userIdentity"] == ["type": "Unknown"])
        #expect(record["additionalEventData"] == ["claimedAccessKeyId": .string(TestAWS.accessKeyID)])
    }

    @Test func aFloodOfBadLoginsIsNotAFloodOfRecords() async throws {
        let lines = Lines()
        let house = try await TestAWS(audit: lines)
        for _ in 0..<40 {
            _ = await house.respond(to: house.request("DescribeRegistry", body: "{}", secret: "not the secret at all"))
        }
        let records = try lines.records()
        #expect((1...10).contains(records.count))
        let other = Lines()
        let router = try await TestHouse(audit: other)
        for _ in 0..<40 {
            let login = ["Authorization": "Basic bm9ib2R5OndobwAA"]
            #expect(try await router.send("GET", "/v2/my/app/manifests/1", login, signedIn: false).status == 401)
        }
        #expect((1...10).contains(try other.records().count))
    }

    @Test func noTokenAndNoContentIsWrittenDown() async throws {
        let lines = Lines()
        let secret = "hunter2-hunter2"
        let house = try await TestAWS(
            extra: [AWSOperation(.secretsmanager, "CreateSecret", may: .none) { _ in ["SecretString": .string(secret)] }],
            audit: lines)
        _ = await house.respond(
            to: house.request(
                "CreateSecret", body: #"{"Name":"a","SecretString":"\#(secret)","Nested":[{"Plaintext":"\#(secret)"}]}"#,
                service: .secretsmanager))
        let answer = try await house.call("GetAuthorizationToken")
        let token = try #require(answer["authorizationData"]?.array.first?["authorizationToken"]?.string)
        let records = try lines.records()
        #expect(records.map { $0["eventName"]?.string } == ["CreateSecret", "GetAuthorizationToken"])
        for record in records { #expect(!record.text.contains(secret) && !record.text.contains(token)) }
        #expect(records.first?["requestParameters"]?["Name"] == "a")
    }

    @Test func aContainerClientsCallIsToldAsTheOperationThatStandsForIt() async throws {
        let lines = Lines()
        let house = try await TestHouse(audit: lines)
        try await house.repository("my/app")
        _ = try await house.send("GET", "/v2/", signedIn: false)
        _ = try await house.send("GET", "/v2/")
        #expect(try lines.records().isEmpty, "neither the challenge nor a ping is anybody's doing")
        _ = try await house.send("GET", "/v2/my/app/manifests/1")
        let record = try #require(try lines.records().first)
        #expect(record["eventName"] == "BatchGetImage" && record["eventSource"] == "ecr.amazonaws.com")
        #expect(record["requestParameters"]?["imageIds"] == [["imageTag": "1"]])
        #expect(record["requestParameters"]?["repositoryName"] == "my/app")
        #expect(record["errorCode"] == "ImageNotFoundException")
        #expect(record["userIdentity"]?["accessKeyId"]?.string == TestHouse.keyID)
        _ = try await house.send("GET", "/v2/my/app/manifests/1", ["Authorization": "Basic bm9ib2R5OndobwAA"], signedIn: false)
        let stranger = try #require(try lines.records().first)
        #expect(stranger["userIdentity"]?["type"] == "Unknown" && stranger["errorCode"] != nil)
        let blob = try await house.push(ByteBuffer(string: "layer"), to: "my/app")
        _ = try await house.send("GET", "/v2/my/app/blobs/\(blob)")
        #expect(
            try lines.records().map { $0["eventName"]?.string } == [
                "InitiateLayerUpload", "CompleteLayerUpload", "GetDownloadUrlForLayer",
            ])
    }
}
