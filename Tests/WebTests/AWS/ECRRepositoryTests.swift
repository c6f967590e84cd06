import NIOCore
import Testing
import WeirCore
import WeirIdentity
import WeirWeb

@Suite struct ECRRepositoryTests {
    @Test func aRepositoryIsMadeShownAndDeleted() async throws {
        let aws = try await TestAWS()
        let made = try await aws.call("CreateRepository", ["repositoryName": "team/app"])["repository"]
        #expect(
            made == [
                "repositoryArn": "arn:aws:ecr:us-east-2:111122223333:repository/team/app", "registryId": "111122223333",
                "repositoryName": "team/app", "repositoryUri": "localhost:5050/team/app", "createdAt": 1_800_000_000.123,
                "imageTagMutability": "MUTABLE", "imageScanningConfiguration": ["scanOnPush": false],
                "encryptionConfiguration": ["encryptionType": "AES256"],
            ])
        let shown = try await aws.call("DescribeRepositories", ["repositoryNames": ["team/app"]])["repositories"]
        #expect(shown == [try #require(made)])
        #expect(try await aws.call("DeleteRepository", ["repositoryName": "team/app"])["repository"] == made)
        #expect(try await aws.call("DescribeRepositories") == ["repositories": []])
    }

    @Test func everySettingIsKept() async throws {
        let aws = try await TestAWS()
        let made = try #require(
            try await aws.call(
                "CreateRepository",
                [
                    "repositoryName": "a/b", "registryId": "111122223333", "tags": [["Key": "team", "Value": "x"]],
                    "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                    "imageTagMutabilityExclusionFilters": [["filterType": "WILDCARD", "filter": "dev-*"]],
                    "imageScanningConfiguration": ["scanOnPush": true], "encryptionConfiguration": ["encryptionType": "KMS"],
                ])["repository"])
        #expect(made["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION")
        #expect(made["imageTagMutabilityExclusionFilters"] == [["filterType": "WILDCARD", "filter": "dev-*"]])
        #expect(made["imageScanningConfiguration"] == ["scanOnPush": true])
        #expect(made["encryptionConfiguration"]?["encryptionType"] == "KMS")
        #expect(made["encryptionConfiguration"]?["kmsKey"]?.string?.hasPrefix("arn:aws:kms:us-east-2:111122223333:key/") == true)
        let arn = try #require(made["repositoryArn"])
        #expect(try await aws.call("ListTagsForResource", ["resourceArn": arn]) == ["tags": [["Key": "team", "Value": "x"]]])
        #expect(
            try await aws.call("PutImageTagMutability", ["repositoryName": "a/b", "imageTagMutability": "MUTABLE"])
                == ["registryId": "111122223333", "repositoryName": "a/b", "imageTagMutability": "MUTABLE"])
        #expect(
            try await aws.call(
                "PutImageScanningConfiguration",
                ["repositoryName": "a/b", "imageScanningConfiguration": ["scanOnPush": false]])["imageScanningConfiguration"]
                == ["scanOnPush": false])
    }

    @Test func pagesFollowEachOther() async throws {
        let aws = try await TestAWS()
        for name in ["cc", "aa", "bb"] { try await aws.call("CreateRepository", ["repositoryName": .string(name)]) }
        var seen: [String?] = []
        var token: JSONValue?
        repeat {
            let page = try await aws.call("DescribeRepositories", .members(["maxResults": 2, "nextToken": token]))
            seen += (page["repositories"]?.array ?? []).map { $0["repositoryName"]?.string }
            token = page["nextToken"]
        } while token != nil
        #expect(seen == ["aa", "bb", "cc"])
        let first = try await aws.call("DescribeRepositories", ["maxResults": 1])
        let foreign = try #require(first["nextToken"])
        #expect(
            try await aws.refusal("DescribePullThroughCacheRules", ["nextToken": foreign])
                == "InvalidParameterException: Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid next token'"
        )
    }

    @Test func regionsAreStrangers() async throws {
        let aws = try await TestAWS()
        try await aws.call("CreateRepository", ["repositoryName": "aa"], region: "ca-central-1")
        #expect(try await aws.call("DescribeRepositories") == ["repositories": []])
    }

    @Test func anotherAccountNeedsAPolicy() async throws {
        let aws = try await TestAWS()
        try await aws.call("CreateRepository", ["repositoryName": "aa"])
        let input: JSONValue = ["registryId": "111122223333", "repositoryName": "aa"]
        #expect(
            try await aws.refusal("ListImages", input, key: TestAWS.otherKeyID)
                == "AccessDeniedException: User: arn:aws:iam::444455556666:root is not authorized to perform: ecr:ListImages on resource: "
                + "arn:aws:ecr:us-east-2:111122223333:repository/aa because no resource-based policy allows the ecr:ListImages action"
        )
        let policy =
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"ecr:ListImages"}]}"#
        #expect(
            try await aws.call("SetRepositoryPolicy", ["repositoryName": "aa", "policyText": .string(policy)])
                == ["registryId": "111122223333", "repositoryName": "aa", "policyText": .string(policy)])
        #expect(try await aws.call("ListImages", input, key: TestAWS.otherKeyID) == ["imageIds": []])
        #expect(try await aws.refusal("DeleteRepository", input, key: TestAWS.otherKeyID).hasPrefix("AccessDeniedException"))
        #expect(try await aws.call("DeleteRepositoryPolicy", ["repositoryName": "aa"])["policyText"] == .string(policy))
        #expect(
            try await aws.refusal("GetRepositoryPolicy", ["repositoryName": "aa"])
                == "RepositoryPolicyNotFoundException: Repository policy does not exist for the repository with name 'aa' in the "
                + "registry with id '111122223333'")
    }

    @Test func lifecyclePoliciesAreKept() async throws {
        let aws = try await TestAWS()
        try await aws.call("CreateRepository", ["repositoryName": "aa"])
        let policy: JSONValue = .string(
            #"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":5},"action":{"type":"expire"}}]}"#
        )
        let kept = try await aws.call("PutLifecyclePolicy", ["repositoryName": "aa", "lifecyclePolicyText": policy])
        #expect(kept == ["registryId": "111122223333", "repositoryName": "aa", "lifecyclePolicyText": policy])
        #expect(try await aws.call("GetLifecyclePolicy", ["repositoryName": "aa"])["lifecyclePolicyText"] == policy)
        #expect(try await aws.call("DeleteLifecyclePolicy", ["repositoryName": "aa"])["lifecyclePolicyText"] == policy)
        #expect(
            try await aws.refusal("GetLifecyclePolicy", ["repositoryName": "aa"]).hasPrefix("LifecyclePolicyNotFoundException:"))
        #expect(
            try await aws.refusal(
                "PutLifecyclePolicy",
                ["repositoryName": "aa", "lifecyclePolicyText": .string(String(repeating: "x", count: 100))]
            ).hasPrefix("InvalidParameterException: Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: "))
    }

    @Test func tagsComeAndGo() async throws {
        let aws = try await TestAWS()
        try await aws.call("CreateRepository", ["repositoryName": "aa"])
        let arn: JSONValue = "arn:aws:ecr:us-east-2:111122223333:repository/aa"
        try await aws.call(
            "TagResource", ["resourceArn": arn, "tags": [["Key": "b", "Value": "1"], ["Key": "a", "Value": ""]]])
        try await aws.call("TagResource", ["resourceArn": arn, "tags": [["Key": "b", "Value": "2"]]])
        #expect(
            try await aws.call("ListTagsForResource", ["resourceArn": arn])
                == ["tags": [["Key": "a", "Value": ""], ["Key": "b", "Value": "2"]]])
        try await aws.call("UntagResource", ["resourceArn": arn, "tagKeys": ["a", "zz"]])
        #expect(try await aws.call("ListTagsForResource", ["resourceArn": arn]) == ["tags": [["Key": "b", "Value": "2"]]])
    }

    @Test func theTokenOpensTheDataPlane() async throws {
        let aws = try await TestAWS()
        let data = try await aws.call("GetAuthorizationToken")["authorizationData"]?.array ?? []
        #expect(data.count == 1)
        #expect(data.first?["proxyEndpoint"] == "http://localhost:5050")
        #expect(data.first?["expiresAt"] == 1_800_043_200.123)
        let token = try #require(data.first?["authorizationToken"]?.string)
        let principal = try await aws.tokens.verify(basic: "Basic \(token)", now: TestAWS.now)
        #expect(principal.registry == aws.id)
        let many = try await aws.call("GetAuthorizationToken", ["registryIds": ["111122223333", "444455556666"]])
        #expect(many["authorizationData"]?.array.count == 2)
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        let operation: String
        let input: JSONValue
        let wanted: String
        init(_ operation: String, _ input: JSONValue, _ wanted: String) {
            self.operation = operation
            self.input = input
            self.wanted = wanted
        }
        var testDescription: String { "\(operation) \(input.text.prefix(100))" }
    }

    private static let one = "InvalidParameterException: 1 validation error detected: Value"
    private static let namePattern =
        #"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"#

    static let refused: [Refused] = [
        .init("CreateRepository", [:], "\(one) null at 'repositoryName' failed to satisfy constraint: Member must not be null"),
        .init(
            "CreateRepository", ["repositoryName": .null],
            "\(one) null at 'repositoryName' failed to satisfy constraint: Member must not be null"),
        .init(
            "CreateRepository", ["repositoryName": "a"],
            "\(one) 'a' at 'repositoryName' failed to satisfy constraint: Member must have length greater than or equal to 2"),
        .init(
            "CreateRepository", ["repositoryName": .string(String(repeating: "a", count: 257))],
            "\(one) '\(String(repeating: "a", count: 257))' at 'repositoryName' failed to satisfy constraint: Member must have length less than or equal to 256"
        ),
        .init(
            "CreateRepository", ["repositoryName": "Bad_Name!"],
            "InvalidParameterException: Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '\(namePattern)''"
        ),
        .init("CreateRepository", ["repositoryName": 7], "SerializationException: NUMBER_VALUE can not be converted to a String"),
        .init("CreateRepository", ["repositoryName": ["a"]], "SerializationException: Start of list found where not expected."),
        .init("CreateRepository", ["repositoryName": "aa", "tags": [:]], "SerializationException: Expected list or null"),
        .init(
            "CreateRepository", ["repositoryName": "aa", "tags": [["Key": "a", "Value": "b"], ["Value": "b"]]],
            "\(one) null at 'tags.2.member.key' failed to satisfy constraint: Member must not be null"),
        .init(
            "CreateRepository", ["repositoryName": "aa", "registryId": "12"],
            "InvalidParameterException: Invalid parameter at 'registryId' failed to satisfy constraint: 'must satisfy regular expression '[0-9]{12}''"
        ),
        .init(
            "CreateRepository", ["repositoryName": "aa", "imageTagMutability": "MAYBE"],
            "InvalidParameterException: Invalid parameter at 'imageTagMutability' failed to satisfy constraint: 'Member must satisfy enum value set: [IMMUTABLE, MUTABLE, MUTABLE_WITH_EXCLUSION, IMMUTABLE_WITH_EXCLUSION]'"
        ),
        .init(
            "CreateRepository", ["repositoryName": "aa", "imageTagMutability": "MUTABLE_WITH_EXCLUSION"],
            "InvalidParameterException: Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: 'ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as MUTABLE_WITH_EXCLUSION'"
        ),
        .init(
            "CreateRepository", ["repositoryName": "aa", "imageScanningConfiguration": ["scanOnPush": "yes"]],
            "SerializationException: STRING_VALUE can not be converted to a Boolean"),
        .init(
            "CreateRepository", ["repositoryName": "aa", "encryptionConfiguration": "KMS"],
            "SerializationException: Expected null or an object"),
        .init(
            "CreateRepository", ["repositoryName": "aa", "encryptionConfiguration": [:]],
            "\(one) null at 'encryptionConfiguration.encryptionType' failed to satisfy constraint: Member must not be null"),
        .init(
            "CreateRepository", ["repositoryName": "there"],
            "RepositoryAlreadyExistsException: The repository with name 'there' already exists in the registry with id '111122223333'"
        ),
        .init(
            "DescribeRepositories", ["maxResults": 1001],
            "\(one) '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000"),
        .init(
            "DescribeRepositories", ["maxResults": 0],
            "\(one) '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"),
        .init(
            "DescribeRepositories", ["maxResults": 1e30],
            "SerializationException: NUMBER_VALUE can not be converted to an Integer"),
        .init(
            "DescribeRepositories", ["repositoryNames": []],
            "\(one) '[]' at 'repositoryNames' failed to satisfy constraint: Member must have length greater than or equal to 1"),
        .init(
            "DescribeRepositories", ["repositoryNames": ["there"], "maxResults": 5],
            "InvalidParameterException: Invalid parameter at 'maxResults' failed to satisfy constraint: 'maxResults cannot be used together with repositoryNames'"
        ),
        .init(
            "DescribeRepositories", ["repositoryNames": ["there", "gone"]],
            "RepositoryNotFoundException: The repository with name 'gone' does not exist in the registry with id '111122223333'"),
        .init(
            "DescribeRepositories", ["nextToken": "made up"],
            "InvalidParameterException: Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid next token'"),
        .init(
            "ListTagsForResource", ["resourceArn": "arn:aws:s3:::bucket"],
            "InvalidParameterException: Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'"),
        .init(
            "ListTagsForResource", ["resourceArn": "arn:aws:ecr:us-east-2:111122223333:repository/gone"],
            "RepositoryNotFoundException: The repository with name 'gone' does not exist in the registry with id '111122223333'"),
        .init(
            "DeleteRepository", ["repositoryName": "gone"],
            "RepositoryNotFoundException: The repository with name 'gone' does not exist in the registry with id '111122223333'"),
        .init(
            "ListImages", ["repositoryName": "gone"],
            "RepositoryNotFoundException: The repository with name 'gone' does not exist in the registry with id '111122223333'"),
        .init(
            "SetRepositoryPolicy", ["repositoryName": "there", "policyText": "x"],
            "InvalidParameterException: Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"
        ),
        .init(
            "GetAuthorizationToken", ["registryIds": ["x"]],
            "InvalidParameterException: Invalid parameter at 'registryIds.1.member' failed to satisfy constraint: 'must satisfy regular expression '[0-9]{12}''"
        ),
    ]

    @Test("Bad input and its exact exception", arguments: refused)
    func refusals(test: Refused) async throws {
        let aws = try await TestAWS()
        try await aws.call("CreateRepository", ["repositoryName": "there"])
        #expect(try await aws.refusal(test.operation, test.input) == test.wanted)
    }
}
