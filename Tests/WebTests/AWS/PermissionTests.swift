import NIOCore
import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirVault
import WeirWeb

/// The column of the operations' tables that says what rights a caller needs.
@Suite struct PermissionTests {
    /// All members that an operation may read to find its resource.
    private static let input: [String: JSONValue] = [
        "repositoryName": "team/app", "repositoryNames": ["team/app"], "name": "BLOB_MOUNTING",
        "resourceArn": "arn:aws:ecr:us-east-2:111122223333:repository/team/app", "tags": [["Key": "a", "Value": "b"]],
        "tagKeys": ["a"], "image": "team/app:1", "KeyId": "alias/app", "AliasName": "alias/app", "TargetKeyId": "alias/app",
        "SecretId": "app", "Name": "app", "SecretIdList": ["app"], "accountId": "444455556666", "principal": "user/bob",
        "role": "role/ci", "provider": "https://idp.example",
    ]

    /// The same for IAM, whose members are spelt like others of other services.
    private static let iamInput: [String: JSONValue] = [
        "UserName": "Bob", "NewUserName": "Robert", "GroupName": "dev", "NewGroupName": "ops", "RoleName": "ci", "Path": "/x/",
        "NewPath": "/y/", "InstanceProfileName": "node", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active",
        "Tags": [["Key": "a", "Value": "b"]], "TagKeys": ["a"], "Description": "d", "AWSServiceName": "ecr.amazonaws.com",
        "DeletionTaskId": "task/aws-service-role/ecr.amazonaws.com/AWSServiceRoleForECRTemplate/1",
        "AssumeRolePolicyDocument": .string(trust), "PolicyDocument": .string(trust), "PolicyName": "app", "VersionId": "v1",
        "PolicyArn": "arn:aws:iam::111122223333:policy/app", "PermissionsBoundary": "arn:aws:iam::111122223333:policy/app",
        "OpenIDConnectProviderArn": "arn:aws:iam::111122223333:oidc-provider/issuer.example",
        "Url": "https://issuer.example", "ClientID": "app", "ThumbprintList": [], "AccountAlias": "app",
        "PolicySourceArn": "arn:aws:iam::111122223333:user/Bob", "PolicyInputList": ["{}"], "ActionNames": ["ecr:PutImage"],
    ]

    private static let trust =
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#

    /// Operations whose IAM actions have other names, or are several.
    private static let actions = [
        "ecr:ListImageReferrers": "ecr:BatchGetImage", "kms:ReEncrypt": "kms:ReEncryptFrom",
    ]

    private static func call(
        _ operation: AWSOperation, by caller: Caller, _ aws: TestAWS, _ members: [String: JSONValue] = [:]
    ) -> AWSCall {
        var input = (operation.service == .iam ? iamInput : input).merging(members) { _, new in new }
        // The call names the server's own registry, where the operation takes a registry.
        if operation.service == .ecr { input["registryId"] = .string("\(aws.id.account)") }
        return AWSCall(
            registry: RegistryID(account: caller.account, region: aws.id.region), caller: caller, accessKeyID: "AKIA",
            requestID: "1",
            now: TestAWS.now, input: Parameters(input, service: operation.service),
            settings: AWSSettings(publicHost: "localhost:5050", scheme: .http, home: aws.id))
    }

    /// A user without any policy.
    private static func nobody(_ aws: TestAWS) async throws -> Caller {
        let user = try await aws.application.keys.users.create(NewEntity("nobody"), in: aws.id.account)
        return .user(user.identity(), of: aws.id.account)
    }

    /// Operations that every caller may ask for. No policy of the caller's stands between it and its own sessions; a role's trust
    /// is asked inside (AssumeRoleTests).
    private static let open = Set(
        ["GetCallerIdentity", "GetSessionToken", "AssumeRole", "AssumeRoleWithWebIdentity"] + KMSOperations.notYet
            + SecretsOperations.notYet + STSOperations.notYet + IAMOperations.notYet)

    @Test("Whoever may nothing can do nothing")
    func nobody() async throws {
        let aws = try await TestAWS()
        let user = try await Self.nobody(aws)
        for operation in aws.application.operations where !Self.open.contains(operation.name) {
            let action = Self.actions[operation.action] ?? operation.action
            let refusal = await #expect(throws: Refusal.self, "\(operation.action)") {
                _ = try await operation.answer(Self.call(operation, by: user, aws), aws.registry.access)
            }
            #expect(refusal?.reason == .accessDenied, "\(operation.action): \(String(describing: refusal))")
            #expect(
                refusal?.message.contains("is not authorized to perform: \(action) on resource: ") == true, "\(operation.action)")
        }
    }

    /// The same words whether the thing is there or not: a denial tells nothing of it, not even its path.
    @Test("Whoever may nothing does not learn what there is")
    func existence() async throws {
        let (empty, full) = (try await TestAWS(), try await TestAWS())
        let (stranger, user) = (try await Self.nobody(empty), try await Self.nobody(full))
        let key = try await Self.fill(full)
        for operation in full.application.operations where !Self.open.contains(operation.name) {
            let told = await Self.refusal(operation, by: user, full, ["AccessKeyId": .string(key)])
            let missing = await Self.refusal(operation, by: stranger, empty, ["AccessKeyId": .string(key)])
            #expect(told?.reason == .accessDenied && told?.message == missing?.message, "\(operation.action)")
        }
    }

    private static func refusal(
        _ operation: AWSOperation, by caller: Caller, _ aws: TestAWS, _ members: [String: JSONValue]
    ) async -> Refusal? {
        do { _ = try await operation.answer(call(operation, by: caller, aws, members), aws.registry.access) } catch {
            return error as? Refusal
        }
        return nil
    }

    /// One of everything that the input names. The id of a user's key.
    private static func fill(_ aws: TestAWS) async throws -> String {
        let (keys, account) = (aws.application.keys, aws.id.account)
        _ = try await aws.registry.repositories.create(RepositoryName("team/app"), in: aws.id, settings: RepositorySettings())
        let key = try await aws.call("CreateKey", of: .kms)["KeyMetadata"]?["KeyId"] ?? .null
        try await aws.call("CreateAlias", ["AliasName": "alias/app", "TargetKeyId": key], of: .kms)
        try await aws.call("CreateSecret", ["Name": "app", "SecretString": "x"], of: .secretsmanager)
        let bob = try await keys.users.create(
            NewEntity("bob", path: "/team/", tags: [ResourceTag(key: "a", value: "b")]), in: account)
        _ = try await keys.groups.create(NewEntity("Dev", path: "/team/"), in: account)
        _ = try await keys.roles.create(NewEntity("ci", path: "/team/"), trust: trust, in: account)
        _ = try await keys.instanceProfiles.create(NewEntity("node", path: "/team/"), in: account)
        return try await keys.accessKeys.create(for: .user(id: bob.id, account: account)).id
    }

    /// A row that checks the caller's own registry instead of the named one would let every account in.
    @Test("The root of another account can do nothing here")
    func abroad() async throws {
        let aws = try await TestAWS()
        let account = try AccountID("444455556666")
        let root = Caller.root(of: account)
        // They take no `registryId`: they concern the caller's own registry.
        let own: Set = [
            "GetAuthorizationToken", "PutRegistryPolicy", "GetRegistryPolicy", "DeleteRegistryPolicy",
            "RegisterPullTimeUpdateExclusion", "DeregisterPullTimeUpdateExclusion", "ListPullTimeUpdateExclusions",
            "DescribeRegistry", "PutReplicationConfiguration", "GetRegistryScanningConfiguration",
            "PutRegistryScanningConfiguration", "BatchGetRepositoryScanningConfiguration", "PutSigningConfiguration",
            "GetSigningConfiguration", "DeleteSigningConfiguration", "CreateRepositoryCreationTemplate",
            "DescribeRepositoryCreationTemplates", "UpdateRepositoryCreationTemplate", "DeleteRepositoryCreationTemplate",
            "GetAccountSetting", "PutAccountSetting",
        ]
        let ofTheServer: Set = [
            "StartGarbageCollection", "StartVerification", "DescribeRun", "ListRuns", "ListLost", "RestoreLost", "DeleteLost",
            "CreateAccount", "ListAccounts", "CreateRootKey", "DisableAccount", "EnableAccount",
        ]
        for operation in aws.application.operations {
            switch operation.service {
            case .ecr where !own.contains(operation.name), .weir where ofTheServer.contains(operation.name): break
            default: continue
            }
            let refusal = await #expect(throws: Refusal.self, "\(operation.action)") {
                _ = try await operation.answer(Self.call(operation, by: root, aws), aws.registry.access)
            }
            #expect(refusal?.reason == .accessDenied, "\(operation.action): \(String(describing: refusal))")
        }
    }

    @Test("A policy can name the action of each of ECR's operations, and no other")
    func named() async throws {
        let aws = try await TestAWS()
        let actions = ECROperations.table(registry: aws.registry, tokens: aws.tokens).map(\.name)
        #expect(Set(actions).symmetricDifference(ECRActions.operations) == ["ListImageReferrers"])
    }

    private static let digest = "sha256:" + String(repeating: "0", count: 64)

    /// The requests of a registry's client, by a caller without any right.
    @Test(
        "Whoever may nothing is refused at every address of the distribution API",
        arguments: [
            ("GET", "_catalog", "DescribeRepositories"), ("GET", "team/app/tags/list", "ListImages"),
            ("GET", "team/app/manifests/1", "BatchGetImage"), ("HEAD", "team/app/manifests/1", ""),
            ("PUT", "team/app/manifests/1", "PutImage"), ("DELETE", "team/app/manifests/1", "BatchDeleteImage"),
            ("GET", "team/app/blobs/\(digest)", "GetDownloadUrlForLayer"), ("HEAD", "team/app/blobs/\(digest)", ""),
            ("DELETE", "team/app/blobs/\(digest)", "BatchDeleteImage"),
            ("POST", "team/app/blobs/uploads/", "InitiateLayerUpload"),
            ("POST", "team/app/blobs/uploads/?mount=\(digest)&from=team/other", "InitiateLayerUpload"),
            ("PATCH", "team/app/blobs/uploads/1", "UploadLayerPart"),
            ("PUT", "team/app/blobs/uploads/1?digest=\(digest)", "CompleteLayerUpload"),
            ("GET", "team/app/blobs/uploads/1", "UploadLayerPart"), ("DELETE", "team/app/blobs/uploads/1", "InitiateLayerUpload"),
            ("GET", "team/app/referrers/\(digest)", "BatchGetImage"),
        ])
    func registryAPI(method: String, path: String, action: String) async throws {
        let house = try await TestHouse()
        try await house.repository("team/app")
        try await house.registry.settings.setPolicy(
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"}]}"#,
            of: house.id)
        let answer = try await house.send(method, "/v2/\(path)", body: ByteBuffer(string: "x"))
        #expect(answer.status == 403)
        #expect(
            method == "HEAD" || answer.text.contains("is not authorized to perform: ecr:\(action) on resource: "),
            "\(answer.text)")
    }

    /// Each of several rights is checked.
    @Test(
        "A push in one request takes all three rights",
        arguments: ["InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload"])
    func wholePush(lacking action: String) async throws {
        let house = try await TestHouse()
        try await house.repository("team/app")
        let blob = ByteBuffer(string: "a layer")
        let path = "/v2/team/app/blobs/uploads/?digest=\(Digest(of: blob.readableBytesView))"
        try await house.registry.settings.setPolicy(
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:\#(action)","Resource":"*"}]}"#,
            of: house.id)
        let refused = try await house.send("POST", path, body: blob)
        #expect(refused.status == 403 && refused.text.contains("ecr:\(action)"))
        _ = try await house.registry.settings.deletePolicy(of: house.id)
        #expect(try await house.send("POST", path, body: blob).status == 201)
    }
}
