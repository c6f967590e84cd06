import NIOCore
import Testing
import WeirCore
import WeirIdentity
import WeirVault
import WeirWeb

/// Behaviour of AWS that real clients and AWS's own answers have shown.
@Suite struct AWSFindingsTests {
    private let aws: TestAWS

    init() async throws { aws = try await TestAWS() }

    // MARK: The Query protocol

    @Test(
        "A Query request's answer is what it accepts",
        arguments: [
            ("application/json", true), ("application/json; charset=utf-8, */*", true), ("APPLICATION/JSON", true),
            ("*/*", false),
            ("text/xml, application/json", false), ("", false), ("application/jsonp", false),
        ])
    func accepts(accept: String, isJSON: Bool) async throws {
        let good = await aws.respond(to: aws.query("Action=GetCallerIdentity&Version=2011-06-15", service: .sts, accept: accept))
        let bad = await aws.respond(to: aws.query("Action=Dance&Version=2011-06-15", service: .sts, accept: accept))
        let id: JSONValue = "11111111-2222-4333-8444-555555555555"
        #expect(good.status == 200 && bad.status == 400)
        for response in [good, bad] { #expect(response.header("Content-Type") == (isJSON ? "application/json" : "text/xml")) }
        guard isJSON else { return }
        #expect(
            try JSONValue(parsing: good.body.readableBytesView) == [
                "GetCallerIdentityResponse": [
                    "GetCallerIdentityResult": [
                        "Account": "111122223333", "Arn": "arn:aws:iam::111122223333:root", "UserId": "111122223333",
                    ],
                    "ResponseMetadata": ["RequestId": id],
                ]
            ])
        let told = try JSONValue(parsing: bad.body.readableBytesView)
        #expect(told["RequestId"] == id && told["Error"]?["Code"] == "InvalidAction" && told["Error"]?["Type"] == "Sender")
    }

    @Test func whatIAMAndSTSLackIsRefusedByName() async throws {
        for (service, operations) in [
            (AWSService.sts, ["AssumeRoot", "AssumeRoleWithSAML"]),
            (.iam, ["CreateSAMLProvider", "EnableMFADevice", "ChangePassword"]),
        ] {
            for operation in operations {
                let response = await aws.respond(to: aws.query("Action=\(operation)&Version=2010-05-08", service: service))
                #expect(response.status == 400)
                let body = String(buffer: response.body)
                #expect(body.contains("<Code>UnsupportedOperationException</Code>") && body.contains(operation))
            }
        }
    }

    // MARK: Partitions

    @Test(
        "ARNs are of the region's partition",
        arguments: [
            ("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"), ("eu-isoe-west-1", "aws-iso-e"), ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"), ("us-isolated-1", "aws"),
        ])
    func partitions(region: String, partition: String) async throws {
        let query = "Action=GetCallerIdentity&Version=2011-06-15"
        let identity = await aws.respond(to: aws.query(query, service: .sts, region: region))
        #expect(String(buffer: identity.body).contains("<Arn>arn:\(partition):iam::111122223333:root</Arn>"))
        let made = try await aws.call("CreateRepository", ["repositoryName": "a/b"], region: region)
        #expect(made["repository"]?["repositoryArn"] == .string("arn:\(partition):ecr:\(region):111122223333:repository/a/b"))
        let registry = RegistryID(account: aws.id.account, region: try Region(region))
        let token = try aws.tokens.issue(
            for: .root(of: registry.account), accessKeyID: TestAWS.accessKeyID, region: registry.region, at: TestAWS.now)
        let basic = "Basic " + (JSONValue.blob(Array("AWS:\(token.password)".utf8)).string ?? "")
        let caller = try await aws.tokens.verify(basic: basic, now: TestAWS.now).caller
        #expect(caller.principalARN == "arn:\(partition):iam::111122223333:root" && caller.isRoot)
    }

    // MARK: Images

    @Test(
        arguments: [
            ["imageDigest": "", "imageTag": "latest"], ["imageDigest": "nonsense"],
            ["imageDigest": "nonsense", "imageTag": "latest"], [:], ["imageTag": "-"],
        ] as [JSONValue])
    func anImageThatCannotBeIsNotCalledMissing(id: JSONValue) async throws {
        try await aws.call("CreateRepository", ["repositoryName": "app"])
        let input: JSONValue = ["repositoryName": "app", "imageIds": [id]]
        #expect(
            try await aws.refusal("DescribeImages", input).hasPrefix("InvalidParameterException: Invalid request parameters: "))
        let missing: JSONValue = ["repositoryName": "app", "imageIds": [["imageTag": "latest"]]]
        #expect(try await aws.refusal("DescribeImages", missing).hasPrefix("ImageNotFoundException: "))
    }

    @Test func aPushedManifestMustSayWhatItIs() async throws {
        try await aws.call("CreateRepository", ["repositoryName": "app"])
        let empty = #"{"schemaVersion":2,"manifests":[]}"#
        let input: JSONValue = ["repositoryName": "app", "imageTag": "1", "imageManifest": .string(empty)]
        #expect(
            try await aws.refusal("PutImage", input)
                == "InvalidParameterException: Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"
        )
        let index = "application/vnd.oci.image.index.v1+json"
        try await aws.call("PutImage", input.adding(["imageManifestMediaType": .string(index)]))
        let named = empty.replacing(#""manifests""#, with: #""mediaType":"\#(index)","manifests""#)
        try await aws.call("PutImage", input.adding(["imageManifest": .string(named), "imageTag": "2"]))
    }

    // MARK: KMS

    private func key() async throws -> JSONValue {
        try #require(try await aws.call("CreateKey", of: .kms)["KeyMetadata"]?["KeyId"])
    }

    @Test func theListsOfGrantsAreEmptyAndNoError() async throws {
        let key = try await key()
        let none: JSONValue = ["Grants": [], "Truncated": false]
        #expect(try await aws.call("ListGrants", ["KeyId": key], of: .kms) == none)
        #expect(
            try await aws.call("ListRetirableGrants", ["RetiringPrincipal": "arn:aws:iam::111122223333:root"], of: .kms) == none)
        let missing: JSONValue = ["KeyId": "11111111-2222-3333-4444-555555555555"]
        #expect(try await aws.refusal("ListGrants", missing, of: .kms).hasPrefix("NotFoundException: "))
        #expect(try await aws.refusal("ListRetirableGrants", of: .kms).hasPrefix("ValidationException: "))
        #expect(try await aws.refusal("ListKeyRotations", missing, of: .kms).hasPrefix("NotFoundException: "))
    }

    @Test func rotationsAreListedWithTheirKind() async throws {
        let key = try await key()
        #expect(try await aws.call("ListKeyRotations", ["KeyId": key], of: .kms) == ["Rotations": [], "Truncated": false])
        #expect(try await aws.call("RotateKeyOnDemand", ["KeyId": key], of: .kms) == ["KeyId": key])
        let current = try await aws.call("DescribeKey", ["KeyId": key], of: .kms)["KeyMetadata"]?["CurrentKeyMaterialId"]
        let rotation: JSONValue = [
            "KeyId": key, "KeyMaterialId": current ?? .null, "KeyMaterialState": "CURRENT", "RotationDate": 1_800_000_000.123,
            "RotationType": "ON_DEMAND",
        ]
        #expect(
            try await aws.call("ListKeyRotations", ["KeyId": key], of: .kms) == ["Rotations": [rotation], "Truncated": false])
        let all = try await aws.call(
            "ListKeyRotations", ["KeyId": key, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"], of: .kms)["Rotations"]?.array
        #expect(all?.count == 2 && all?.first?["KeyMaterialState"] == "NON_CURRENT" && all?.first?["RotationType"] == nil)
        let made = try await aws.call("GenerateDataKey", ["KeyId": key, "KeySpec": "AES_256"], of: .kms)
        #expect(made["KeyMaterialId"] == current && current?.string?.utf8.count == 64)
        let opened = try await aws.call("Decrypt", ["CiphertextBlob": made["CiphertextBlob"] ?? .null], of: .kms)
        #expect(opened["KeyMaterialId"] == current)
        let again = try await aws.call(
            "ReEncrypt", ["CiphertextBlob": made["CiphertextBlob"] ?? .null, "DestinationKeyId": key], of: .kms)
        #expect(again["SourceKeyMaterialId"] == current && again["DestinationKeyMaterialId"] == current)
    }

    @Test("Markers that no list has given", arguments: ["zzz", "a", "TGlzdEtleXMKYQ", "alias/a"])
    func markers(marker: String) async throws {
        let key = try await key()
        for (operation, input) in [
            ("ListAliases", [:]), ("ListKeyPolicies", ["KeyId": key]), ("ListResourceTags", ["KeyId": key]),
            ("ListGrants", ["KeyId": key]), ("ListKeyRotations", ["KeyId": key]),
            ("ListRetirableGrants", ["RetiringPrincipal": "arn:aws:iam::111122223333:root"]),
        ] as [(String, JSONValue)] {
            let told = try await aws.refusal(operation, input.adding(["Marker": .string(marker)]), of: .kms)
            #expect(told.hasPrefix("InvalidMarkerException: "), "\(operation)")
        }
    }

    @Test func aMarkerGoesOnWhereItsListEnded() async throws {
        for _ in 0..<2 { _ = try await key() }
        let first = try await aws.call("ListKeys", ["Limit": 1], of: .kms)
        let second = try await aws.call("ListKeys", ["Limit": 1, "Marker": first["NextMarker"] ?? .null], of: .kms)
        #expect(first["Truncated"] == true && second["Truncated"] == false && first["Keys"] != second["Keys"])
        #expect(
            try await aws.refusal("ListAliases", ["Marker": first["NextMarker"] ?? .null], of: .kms).hasPrefix(
                "InvalidMarkerException"))
    }

    @Test("Aliases that KMS refuses", arguments: ["noprefix", "alias/a:b", "alias/a b", "alias/ä"])
    func aliases(name: String) async throws {
        let target = try await key()
        for (operation, input) in [
            ("CreateAlias", ["AliasName": .string(name), "TargetKeyId": target]), ("DeleteAlias", ["AliasName": .string(name)]),
        ] as [(String, JSONValue)] {
            #expect(try await aws.refusal(operation, input, of: .kms).hasPrefix("ValidationException: "), "\(operation)")
        }
    }

    @Test func aKeyMadeWithTooManyTags() async throws {
        let tags = (0...50).map { JSONValue.object(["TagKey": .string("k\($0)"), "TagValue": ""]) }
        #expect(try await aws.refusal("CreateKey", ["Tags": .array(tags)], of: .kms) == "TagException: Too many tags")
    }

    // MARK: Secrets

    private func secret(_ name: String, _ value: String? = "value") async throws {
        try await aws.call(
            "CreateSecret", .members(["Name": .string(name), "SecretString": value.map { .string($0) }]), of: .secretsmanager)
    }

    @Test func aDeletedSecretTellsNoPolicy() async throws {
        try await secret("a")
        for operation in ["GetResourcePolicy", "DeleteResourcePolicy"] {
            #expect(try await aws.call(operation, ["SecretId": "a"], of: .secretsmanager).names == ["ARN", "Name"])
        }
        try await aws.call("DeleteSecret", ["SecretId": "a"], of: .secretsmanager)
        for operation in ["GetResourcePolicy", "DeleteResourcePolicy"] {
            let told = try await aws.refusal(operation, ["SecretId": "a"], of: .secretsmanager)
            #expect(told.hasPrefix("InvalidRequestException: ") && told.contains("marked for deletion"))
        }
    }

    @Test func theKindOfASecretThatIsAnothersIsNotDropped() async throws {
        let input: JSONValue = ["Name": "a", "SecretString": "x", "Type": "Salesforce"]
        #expect(
            try await aws.refusal("CreateSecret", input, of: .secretsmanager).hasPrefix("UnsupportedOperationException: Type"))
        try await secret("a")
        let change: JSONValue = ["SecretId": "a", "Type": "Salesforce"]
        #expect(
            try await aws.refusal("UpdateSecret", change, of: .secretsmanager).hasPrefix("UnsupportedOperationException: Type"))
    }

    @Test func aValueThatIsNone() async throws {
        try await secret("a")
        #expect(
            try await aws.refusal("PutSecretValue", ["SecretId": "a"], of: .secretsmanager)
                == "InvalidRequestException: You must provide either SecretString or SecretBinary.")
    }

    @Test(
        "Filters that lack something",
        arguments: [
            (["Values": ["a"]], "Invalid filter key"), (["Key": "name"], "Invalid filter values for key: name"),
        ] as [(JSONValue, String)])
    func filters(filter: JSONValue, message: String) async throws {
        for operation in ["ListSecrets", "BatchGetSecretValue"] {
            #expect(
                try await aws.refusal(operation, ["Filters": [filter]], of: .secretsmanager)
                    == "InvalidParameterException: \(message)")
        }
    }

    @Test func tagsThatAreGoneLeaveAnEmptyList() async throws {
        try await secret("a")
        func tags() async throws -> JSONValue? {
            try await aws.call("DescribeSecret", ["SecretId": "a"], of: .secretsmanager)["Tags"]
        }
        #expect(try await tags() == nil)
        try await aws.call("TagResource", ["SecretId": "a", "Tags": [["Key": "k", "Value": "v"]]], of: .secretsmanager)
        try await aws.call("UntagResource", ["SecretId": "a", "TagKeys": ["k"]], of: .secretsmanager)
        #expect(try await tags() == [])
    }

    @Test func severalValuesAreToldAtOnceAndEachFailsByItself() async throws {
        for name in ["app/a", "app/b", "gone", "other"] { try await secret(name, "value of \(name)") }
        try await secret("empty", nil)
        try await aws.call("DeleteSecret", ["SecretId": "gone"], of: .secretsmanager)
        let told = try await aws.call(
            "BatchGetSecretValue", ["SecretIdList": ["app/b", "no", "gone", "empty", "app/a"]], of: .secretsmanager)
        #expect(told["SecretValues"]?.array.map { $0["SecretString"] } == ["value of app/b", "value of app/a"])
        #expect(told["Errors"]?.array.map { $0["SecretId"] } == ["no", "gone", "empty"])
        #expect(
            told["Errors"]?.array.map { $0["ErrorCode"] }
                == ["ResourceNotFoundException", "InvalidRequestException", "ResourceNotFoundException"])
        let filter: JSONValue = [["Key": "name", "Values": ["app/"]]]
        let first = try await aws.call("BatchGetSecretValue", ["Filters": filter, "MaxResults": 1], of: .secretsmanager)
        let second = try await aws.call(
            "BatchGetSecretValue", ["Filters": filter, "MaxResults": 1, "NextToken": first["NextToken"] ?? .null],
            of: .secretsmanager)
        let names = [first, second].flatMap { $0["SecretValues"]?.array ?? [] }.compactMap { $0["Name"]?.string }
        #expect(Set(names) == ["app/a", "app/b"] && names.count == 2 && second["NextToken"] == nil)
        for wrong in [
            [:], ["SecretIdList": ["a"], "Filters": filter], ["SecretIdList": ["a"], "MaxResults": 2],
            ["SecretIdList": .array((0...20).map { .string("s\($0)") })],
        ] as [JSONValue] {
            let refusal = try await aws.refusal("BatchGetSecretValue", wrong, of: .secretsmanager)
            #expect(refusal.hasPrefix("InvalidParameterException: ") || refusal.hasPrefix("ValidationException: "))
        }
    }

    // MARK: Passwords

    private func password(_ input: JSONValue = [:]) async throws -> String {
        try #require(try await aws.call("GetRandomPassword", input, of: .secretsmanager)["RandomPassword"]?.string)
    }

    @Test func aPasswordHasEveryTypeOfCharacterUnlessToldOtherwise() async throws {
        let types: [(Character) -> Bool] = [\.isLowercase, \.isUppercase, \.isNumber, { $0.isPunctuation || $0.isSymbol }]
        for _ in 0..<50 {
            let text = try await password(["PasswordLength": 4])
            #expect(text.count == 4 && types.allSatisfy { text.contains(where: $0) })
        }
        #expect(try await password().count == 32)
        #expect(try await password() != password())
        let digits = try await password([
            "ExcludeLowercase": true, "ExcludeUppercase": true, "ExcludePunctuation": true, "ExcludeCharacters": "02468",
            "PasswordLength": 4096,
        ])
        #expect(digits.count == 4096 && Set(digits) == Set("13579"))
        let spaced = try await password(["IncludeSpace": true, "ExcludeUppercase": true, "PasswordLength": 500])
        #expect(spaced.contains(" ") && !spaced.contains(where: \.isUppercase) && spaced.allSatisfy(\.isASCII))
    }

    @Test(
        arguments: [
            (["PasswordLength": 3], "InvalidParameterException: Password length 3 is too short based on the required types."),
            (["ExcludeCharacters": "0123456789"], "InvalidParameterException: ExcludeCharacters leaves no number."),
            (
                ["ExcludeLowercase": true, "ExcludeUppercase": true, "ExcludePunctuation": true, "ExcludeNumbers": true],
                "InvalidParameterException: The parameters leave no character"
            ),
            (["PasswordLength": 0], "ValidationException: "), (["PasswordLength": 4097], "ValidationException: "),
        ] as [(JSONValue, String)])
    func aPasswordThatCannotBe(input: JSONValue, refusal: String) async throws {
        #expect(try await aws.refusal("GetRandomPassword", input, of: .secretsmanager).hasPrefix(refusal))
    }
}
