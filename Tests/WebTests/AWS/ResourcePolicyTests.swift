import Testing
import WeirCore
import WeirWeb

/// Grants, key policies and secrets' policies through the AWS door.
@Suite struct ResourcePolicyTests {
    private static func document(_ statement: JSONValue) -> JSONValue {
        .string((["Version": "2012-10-17", "Statement": [statement]] as JSONValue).text)
    }

    private static let bob: JSONValue = "arn:aws:iam::999988887777:user/bob"

    @Test("Grants are made, listed, retired and revoked")
    func grants() async throws {
        let aws = try await TestAWS()
        let key = try #require(try await aws.call("CreateKey", of: .kms)["KeyMetadata"]?["Arn"])
        let made = try await aws.call(
            "CreateGrant",
            [
                "KeyId": key, "GranteePrincipal": Self.bob, "RetiringPrincipal": Self.bob, "Operations": ["Decrypt", "Decrypt"],
                "Constraints": ["EncryptionContextSubset": ["env": "dev"]], "Name": "one",
            ], of: .kms)
        #expect(made["GrantId"]?.string?.utf8.count == 64)
        let listed = try await aws.call("ListGrants", ["KeyId": key], of: .kms)
        let entry = try #require(listed["Grants"]?.array.first)
        #expect(entry["GrantId"] == made["GrantId"] && entry["Operations"] == ["Decrypt"] && entry["Name"] == "one")
        #expect(entry["Constraints"]?["EncryptionContextSubset"]?["env"] == "dev")
        #expect(listed["Truncated"] == false)
        let retirable = try await aws.call("ListRetirableGrants", ["RetiringPrincipal": Self.bob], of: .kms)
        #expect(retirable["Grants"]?.array.count == 1)
        try await aws.call("RetireGrant", ["GrantToken": made["GrantToken"] ?? ""], of: .kms)
        #expect(
            try await aws.refusal("RevokeGrant", ["KeyId": key, "GrantId": made["GrantId"] ?? ""], of: .kms)
                .hasPrefix("NotFoundException"))
        #expect(
            try await aws.refusal("RetireGrant", ["GrantToken": "x"], of: .kms).hasPrefix("InvalidGrantTokenException"))
        #expect(
            try await aws.refusal(
                "CreateGrant", ["KeyId": key, "GranteePrincipal": "bob", "Operations": ["Decrypt"]], of: .kms
            ).hasPrefix("InvalidArnException"))
        #expect(
            try await aws.refusal("CreateGrant", ["KeyId": key, "GranteePrincipal": Self.bob, "Operations": ["Sign"]], of: .kms)
                .hasPrefix("ValidationException"))
    }

    @Test("A repository under a key is listed as a grant, and ends with it")
    func repositoryGrant() async throws {
        let aws = try await TestAWS()
        let key = try #require(try await aws.call("CreateKey", of: .kms)["KeyMetadata"]?["Arn"])
        for name in ["sealed/a", "sealed/b", "sealed/c"] {
            try await aws.call(
                "CreateRepository",
                ["repositoryName": .string(name), "encryptionConfiguration": ["encryptionType": "KMS", "kmsKey": key]])
        }
        try await aws.call("CreateGrant", ["KeyId": key, "GranteePrincipal": Self.bob, "Operations": ["Encrypt"]], of: .kms)
        var (grants, marker) = ([JSONValue](), JSONValue?.none)
        repeat {
            var input: [String: JSONValue] = ["KeyId": key, "Limit": 2]
            input["Marker"] = marker
            let page = try await aws.call("ListGrants", .object(input), of: .kms)
            grants += page["Grants"]?.array ?? []
            marker = page["NextMarker"]
        } while marker != nil
        #expect(grants.count == 4 && Set(grants.compactMap { $0["GrantId"]?.string }).count == 4)
        let arns = grants.compactMap { $0["Constraints"]?["EncryptionContextSubset"]?["aws:ecr:arn"]?.string }
        #expect(arns.map { String($0.suffix(8)) } == ["sealed/a", "sealed/b", "sealed/c"])
        try await aws.call("RevokeGrant", ["KeyId": key, "GrantId": grants[0]["GrantId"] ?? ""], of: .kms)
        #expect(
            try await aws.refusal("InitiateLayerUpload", ["repositoryName": "sealed/a"]).hasPrefix("KmsException"))
        try await aws.call("InitiateLayerUpload", ["repositoryName": "sealed/b"])
    }

    @Test("The root has no right on a key whose policy does not name it")
    func lockedOut() async throws {
        let aws = try await TestAWS()
        let key = try #require(try await aws.call("CreateKey", of: .kms)["KeyMetadata"]?["Arn"])
        let policy = Self.document(["Effect": "Allow", "Principal": ["AWS": Self.bob], "Action": "kms:*", "Resource": "*"])
        #expect(
            try await aws.refusal("PutKeyPolicy", ["KeyId": key, "Policy": policy], of: .kms)
                .hasPrefix("MalformedPolicyDocumentException"))
        try await aws.call(
            "PutKeyPolicy", ["KeyId": key, "Policy": policy, "BypassPolicyLockoutSafetyCheck": true], of: .kms)
        #expect(
            try await aws.refusal("Encrypt", ["KeyId": key, "Plaintext": "eA=="], of: .kms)
                .hasSuffix("because no resource-based policy allows the kms:Encrypt action"))
        #expect(
            try await aws.refusal(
                "CreateRepository",
                ["repositoryName": "sealed/a", "encryptionConfiguration": ["encryptionType": "KMS", "kmsKey": key]]
            ).contains("kms:DescribeKey"))
        let missing: JSONValue = "arn:aws:kms:us-east-2:111122223333:key/00000000-0000-0000-0000-000000000000"
        #expect(try await aws.refusal("DescribeKey", ["KeyId": missing], of: .kms).hasPrefix("NotFoundException"))
        #expect(
            try await aws.refusal("Decrypt", ["CiphertextBlob": "AAAA"], of: .kms).hasPrefix("InvalidCiphertextException"))
    }

    @Test("A secret's policy is set, told, checked and deleted")
    func secretPolicies() async throws {
        let aws = try await TestAWS()
        try await aws.call("CreateSecret", ["Name": "app", "SecretString": "x"], of: .secretsmanager)
        let broad = Self.document(
            ["Effect": "Allow", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"])
        #expect(
            try await aws.refusal(
                "PutResourcePolicy", ["SecretId": "app", "ResourcePolicy": broad, "BlockPublicPolicy": true], of: .secretsmanager
            ).hasPrefix("PublicPolicyException"))
        try await aws.call("PutResourcePolicy", ["SecretId": "app", "ResourcePolicy": broad], of: .secretsmanager)
        let told = try await aws.call("GetResourcePolicy", ["SecretId": "app"], of: .secretsmanager)
        #expect(told["ResourcePolicy"] == broad && told["Name"] == "app")
        let checked = try await aws.call("ValidateResourcePolicy", ["ResourcePolicy": broad], of: .secretsmanager)
        #expect(checked["PolicyValidationPassed"] == false)
        #expect(checked["ValidationErrors"]?.array.first?["CheckName"] == "PUBLIC_POLICY")
        #expect(
            try await aws.refusal("PutResourcePolicy", ["SecretId": "app", "ResourcePolicy": "{"], of: .secretsmanager)
                .hasPrefix("MalformedPolicyDocumentException"))
        let closed = Self.document(
            ["Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"])
        try await aws.call("PutResourcePolicy", ["SecretId": "app", "ResourcePolicy": closed], of: .secretsmanager)
        #expect(
            try await aws.refusal("GetSecretValue", ["SecretId": "app"], of: .secretsmanager)
                .hasSuffix("with an explicit deny in a resource-based policy"))
        let batch = try await aws.call("BatchGetSecretValue", ["SecretIdList": ["app"]], of: .secretsmanager)
        #expect(batch["SecretValues"]?.array.isEmpty == true)
        #expect(batch["Errors"]?.array.first?["ErrorCode"] == "AccessDeniedException")
        try await aws.call("DeleteResourcePolicy", ["SecretId": "app"], of: .secretsmanager)
        try await aws.call("DeleteResourcePolicy", ["SecretId": "app"], of: .secretsmanager)
        #expect(try await aws.call("GetResourcePolicy", ["SecretId": "app"], of: .secretsmanager)["ResourcePolicy"] == nil)
        #expect(try await aws.call("GetSecretValue", ["SecretId": "app"], of: .secretsmanager)["SecretString"] == "x")
    }
}
