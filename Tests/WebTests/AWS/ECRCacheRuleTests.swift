import Testing
import WeirCore
import WeirVault
import WeirWeb

@Suite struct ECRCacheRuleTests {
    static let secretARN =
        "arn:aws:secretsmanager:us-east-2:111122223333:secret:ecr-pullthroughcache/example1234-abcdef"

    @Test func aRuleIsMadeShownAndDeleted() async throws {
        let aws = try await TestAWS()
        let rule: JSONValue = [
            "ecrRepositoryPrefix": "ecr-public", "upstreamRegistryUrl": "public.ecr.aws", "upstreamRegistry": "ecr-public",
            "createdAt": 1_800_000_000.123, "registryId": "111122223333",
        ]
        let input: JSONValue = ["ecrRepositoryPrefix": "ecr-public", "upstreamRegistryUrl": "public.ecr.aws"]
        #expect(try await aws.call("CreatePullThroughCacheRule", input) == rule)
        #expect(try await aws.call("DescribePullThroughCacheRules") == ["pullThroughCacheRules": [rule]])
        #expect(try await aws.call("DescribePullThroughCacheRules", region: "eu-west-1") == ["pullThroughCacheRules": []])
        #expect(
            try await aws.refusal("CreatePullThroughCacheRule", input)
                == "PullThroughCacheRuleAlreadyExistsException: The pull through cache rule with Amazon ECR repository prefix "
                + "'ecr-public' already exists in the registry with id '111122223333'")
        let gone = try await aws.call("DeletePullThroughCacheRule", ["ecrRepositoryPrefix": "ecr-public"])
        #expect(gone.names == ["createdAt", "ecrRepositoryPrefix", "registryId", "upstreamRegistryUrl"])
        #expect(
            try await aws.refusal("DescribePullThroughCacheRules", ["ecrRepositoryPrefixes": ["ecr-public"]])
                .hasPrefix("PullThroughCacheRuleNotFoundException:"))
    }

    @Test func anUpstreamPrefixReadsBackAsItWasGiven() async throws {
        let aws = try await TestAWS()
        let made = try await aws.call(
            "CreatePullThroughCacheRule",
            [
                "ecrRepositoryPrefix": "ROOT", "upstreamRegistryUrl": "quay.io", "upstreamRepositoryPrefix": "ROOT",
            ])
        #expect(made["upstreamRepositoryPrefix"] == "ROOT")
        #expect(made["ecrRepositoryPrefix"] == "ROOT")
    }

    @Test func anUpdateLeavesOutWhatItCannotChange() async throws {
        let aws = try await TestAWS()
        try await aws.call(
            "CreatePullThroughCacheRule", ["ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"])
        let role: JSONValue = "arn:aws:iam::111122223333:role/puller"
        let updated = try await aws.call(
            "UpdatePullThroughCacheRule", ["ecrRepositoryPrefix": "quay", "customRoleArn": role])
        #expect(
            updated == [
                "ecrRepositoryPrefix": "quay", "registryId": "111122223333", "updatedAt": 1_800_000_000.123,
                "customRoleArn": role,
            ])
    }

    @Test(
        "An update that says nothing",
        arguments: [["ecrRepositoryPrefix": "quay"], ["ecrRepositoryPrefix": "quay", "customRoleArn": ""]] as [JSONValue])
    func anUpdateThatSaysNothingIsRefused(input: JSONValue) async throws {
        let aws = try await TestAWS()
        try await aws.call("CreatePullThroughCacheRule", ["ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"])
        let before = try await aws.call("DescribePullThroughCacheRules")
        #expect(
            try await aws.refusal("UpdatePullThroughCacheRule", input)
                == "InvalidParameterException: Invalid input: Please set either credential arn or role arn to update the credentials"
        )
        #expect(try await aws.call("DescribePullThroughCacheRules") == before)
    }

    @Test func aCheckThatFailsIsAnAnswer() async throws {
        let aws = try await TestAWS()
        try await aws.call(
            "CreatePullThroughCacheRule", ["ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"])
        let answer = try await aws.call("ValidatePullThroughCacheRule", ["ecrRepositoryPrefix": "quay"])
        #expect(answer["isValid"] != nil)
        #expect(answer["upstreamRegistryUrl"] == "quay.io")
        #expect((answer["isValid"] == true) == (answer["failure"] == nil))
    }

    static let refused: [(JSONValue, String)] = [
        ([:], "InvalidParameterException: 1 validation error detected: Value null at 'ecrRepositoryPrefix'"),
        (
            ["ecrRepositoryPrefix": "quay"],
            "InvalidParameterException: 1 validation error detected: Value null at 'upstreamRegistryUrl'"
        ),
        (
            ["ecrRepositoryPrefix": "q", "upstreamRegistryUrl": "quay.io"],
            "InvalidParameterException: 1 validation error detected: Value 'q' at 'ecrRepositoryPrefix' failed to satisfy constraint: Member must have length greater than or equal to 2"
        ),
        (
            ["ecrRepositoryPrefix": .string(String(repeating: "a", count: 31)), "upstreamRegistryUrl": "quay.io"],
            "InvalidParameterException: 1 validation error detected: Value '\(String(repeating: "a", count: 31))' at 'ecrRepositoryPrefix' failed to satisfy constraint: Member must have length less than or equal to 30"
        ),
        (
            [
                "ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io",
                "credentialArn": .string(secretARN + String(repeating: "x", count: 600)),
            ],
            "InvalidParameterException: 1 validation error detected: Value '\(secretARN)xxx"
        ),
        (
            ["ecrRepositoryPrefix": "Quay", "upstreamRegistryUrl": "quay.io"],
            "InvalidParameterException: Invalid parameter at 'ecrRepositoryPrefix' failed to satisfy constraint: 'must satisfy regular expression"
        ),
        (
            ["ecrRepositoryPrefix": "harbor", "upstreamRegistryUrl": "harbor.example.com"],
            "UnsupportedUpstreamRegistryException: The upstream registry URL harbor.example.com is invalid. Specify a valid upstream registry URL and try again"
        ),
        (
            ["ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io"],
            "UnsupportedUpstreamRegistryException: The specified upstream registry requires authentication. Specify a valid Secrets Manager ARN"
        ),
        (
            ["ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io", "credentialArn": .string(secretARN)],
            "SecretNotFoundException: The ARN of the secret specified in the pull through cache rule was not found"
        ),
        (
            ["ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io", "credentialArn": "arn"],
            "InvalidParameterException: 1 validation error detected: Value 'arn' at 'credentialArn'"
        ),
        (
            ["ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io", "upstreamRegistry": "harbor"],
            "InvalidParameterException: Invalid parameter at 'upstreamRegistry' failed to satisfy constraint: 'Member must satisfy enum value set: [ecr, ecr-public, quay, k8s,"
        ),
    ]

    @Test func aNULIsRefusedBeforeItMeetsADatabase() async throws {
        let aws = try await TestAWS()
        let told = try await aws.refusal(
            "CreatePullThroughCacheRule",
            [
                "ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io",
                "customRoleArn": "arn:aws:iam::111122223333:role/a\u{0}b",
            ])
        #expect(told.hasPrefix("InvalidParameterException: 1 validation error detected: Value"), "\(told)")
        #expect(told.hasSuffix("Member must not contain the character U+0000"), "\(told)")
        // "DescribePullThroughCacheRules", a line break and NUL, in the form of this server's tokens.
        let token: JSONValue = "RGVzY3JpYmVQdWxsVGhyb3VnaENhY2hlUnVsZXMKAA"
        #expect(
            try await aws.refusal("DescribePullThroughCacheRules", ["nextToken": token]).hasSuffix("'Invalid next token'"))
    }

    @Test("Rules that are refused", arguments: refused)
    func refusals(input: JSONValue, wanted: String) async throws {
        let aws = try await TestAWS()
        let told = try await aws.refusal("CreatePullThroughCacheRule", input)
        #expect(told.hasPrefix(wanted), "\(told)")
    }
}

@Suite struct ECRTemplateTests {
    static let full: JSONValue = [
        "prefix": "prod", "description": "made for prod", "appliedFor": ["PULL_THROUGH_CACHE", "CREATE_ON_PUSH"],
        "encryptionConfiguration": [
            "encryptionType": "KMS",
            "kmsKey": "arn:aws:kms:us-east-2:111122223333:key/11111111-2222-4333-8444-555555555555",
        ],
        "resourceTags": [["Key": "team", "Value": "prod"]], "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [["filterType": "WILDCARD", "filter": "latest"]],
        "customRoleArn": "arn:aws:iam::111122223333:role/ecr-template",
    ]

    @Test func everyFieldReadsBack() async throws {
        let aws = try await TestAWS()
        let answer = try await aws.call("CreateRepositoryCreationTemplate", Self.full)
        #expect(answer["registryId"] == "111122223333")
        let template = try #require(answer["repositoryCreationTemplate"])
        #expect(template == Self.full.adding(["createdAt": 1_800_000_000.123, "updatedAt": 1_800_000_000.123]))
        let shown = try await aws.call("DescribeRepositoryCreationTemplates", ["prefixes": ["prod", "gone"]])
        #expect(shown == ["registryId": "111122223333", "repositoryCreationTemplates": [template]])
        #expect(
            try await aws.call("DeleteRepositoryCreationTemplate", ["prefix": "prod"])["repositoryCreationTemplate"] == template)
        #expect(
            try await aws.call("DescribeRepositoryCreationTemplates")
                == ["registryId": "111122223333", "repositoryCreationTemplates": []])
    }

    @Test func whatIsNotSaidHasECRsDefaults() async throws {
        let aws = try await TestAWS()
        let answer = try await aws.call(
            "CreateRepositoryCreationTemplate", ["prefix": "ROOT", "appliedFor": ["REPLICATION"]])
        #expect(
            answer["repositoryCreationTemplate"] == [
                "prefix": "ROOT", "encryptionConfiguration": ["encryptionType": "AES256"], "imageTagMutability": "MUTABLE",
                "appliedFor": ["REPLICATION"], "createdAt": 1_800_000_000.123, "updatedAt": 1_800_000_000.123,
            ])
    }

    @Test func anUpdateLeavesTheRest() async throws {
        let aws = try await TestAWS()
        try await aws.call("CreateRepositoryCreationTemplate", Self.full)
        let answer = try await aws.call(
            "UpdateRepositoryCreationTemplate", ["prefix": "prod", "description": "", "appliedFor": ["REPLICATION"]])
        let template = answer["repositoryCreationTemplate"]
        #expect(template?["description"] == nil)
        #expect(template?["appliedFor"] == ["REPLICATION"])
        #expect(template?["resourceTags"] == Self.full["resourceTags"])
        #expect(template?["imageTagMutabilityExclusionFilters"] == Self.full["imageTagMutabilityExclusionFilters"])
    }

    static let refused: [(String, JSONValue, String)] = [
        (
            "CreateRepositoryCreationTemplate", ["prefix": "prod"],
            "InvalidParameterException: 1 validation error detected: Value null at 'appliedFor' failed to satisfy constraint: Member must not be null"
        ),
        (
            "CreateRepositoryCreationTemplate", ["appliedFor": []],
            "InvalidParameterException: 1 validation error detected: Value null at 'prefix'"
        ),
        (
            "CreateRepositoryCreationTemplate", ["prefix": "prod", "appliedFor": ["PUSH"]],
            "InvalidParameterException: Invalid parameter at 'appliedFor.1.member' failed to satisfy constraint: 'Member must satisfy enum value set: ["
        ),
        (
            "CreateRepositoryCreationTemplate", ["prefix": "there", "appliedFor": ["REPLICATION"]],
            "TemplateAlreadyExistsException: "
        ),
        (
            "CreateRepositoryCreationTemplate",
            [
                "prefix": "prod", "appliedFor": ["REPLICATION"],
                "encryptionConfiguration": ["encryptionType": "KMS", "kmsKey": "alias/mine"],
            ], "InvalidParameterException: "
        ),
        (
            "CreateRepositoryCreationTemplate",
            [
                "prefix": "prod", "appliedFor": ["REPLICATION"],
                "encryptionConfiguration": ["encryptionType": "KMS", "kmsKey": 1],
            ], "SerializationException: "
        ),
        ("UpdateRepositoryCreationTemplate", ["prefix": "gone"], "TemplateNotFoundException: "),
        ("DeleteRepositoryCreationTemplate", ["prefix": "gone"], "TemplateNotFoundException: "),
    ]

    @Test("Templates that are refused", arguments: refused)
    func refusals(operation: String, input: JSONValue, wanted: String) async throws {
        let aws = try await TestAWS()
        try await aws.call("CreateRepositoryCreationTemplate", ["prefix": "there", "appliedFor": ["REPLICATION"]])
        let told = try await aws.refusal(operation, input)
        #expect(told.hasPrefix(wanted), "\(told)")
    }
}
