import ConformanceSuites
import NIOCore
import Testing
import WeirCore
import WeirRegistry
import WeirStorage
import WeirVault

@Suite struct RepositoriesTests {
    private let test: TestRegistry
    private var repositories: Repositories { test.registry.repositories }
    private let name: RepositoryName

    init() async throws {
        test = try await TestRegistry()
        name = try RepositoryName("team/app")
    }

    private func create(_ settings: RepositorySettings = RepositorySettings()) async throws -> Repository {
        try await repositories.create(name, in: test.id, settings: settings)
    }

    private func refusal(_ body: () async throws -> some Sendable) async -> Refusal? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? Refusal
        }
    }

    @Test func aNewRepositoryHasECRsDefaults() async throws {
        let repository = try await create()
        #expect(repository.mutability == .mutable)
        #expect(repository.encryption == .aes256)
        #expect(!repository.scanOnPush)
        #expect(repository.arn == "arn:aws:ecr:us-east-2:111122223333:repository/team/app")
        #expect(repository.createdAt == test.now)
        #expect(try await repositories.find(name, in: test.id) == repository)
        #expect(try await repositories.tags(of: name, in: test.id) == [])
        #expect(try await !repositories.sealedKey(of: repository).isEmpty)
    }

    @Test func everySettingIsKept() async throws {
        let policy = #"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}"#
        let lifecycle =
            #"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":3},"action":{"type":"expire"}}]}"#
        let mutability = TagMutability(.immutableWithExclusion, excluding: ["latest", "beta*"])
        let made = try await create(
            RepositorySettings(
                encryption: .kms(key: nil), mutability: mutability, scanOnPush: true,
                tags: [ResourceTag(key: "team", value: "a b+c"), ResourceTag(key: "Stage", value: "")], policy: policy,
                lifecyclePolicy: lifecycle))
        let repository = try #require(try await repositories.describe(named: [name], in: test.id).first)
        #expect(repository == made)
        #expect(repository.mutability == mutability)
        #expect(repository.scanOnPush)
        #expect(repository.encryption.keyARN?.hasPrefix("arn:aws:kms:us-east-2:111122223333:key/") == true)
        #expect(try await repositories.policy(of: name, in: test.id) == policy)
        #expect(try await test.registry.lifecycle.policy(of: name, in: test.id).text == lifecycle)
        #expect(try await repositories.tags(of: name, in: test.id).map(\.key) == ["Stage", "team"])
    }

    @Test func aKMSKeyMayBeNamedInAnyWayAndMustBeUsable() async throws {
        let key = try await test.keys.create(NewKey(), in: test.id)
        try await test.keys.createAlias("alias/images", for: key.id, in: test.id)
        for (index, text) in [key.id, key.arn, "alias/images", "alias/aws/ecr"].enumerated() {
            let made = try await repositories.create(
                RepositoryName("r\(index)"), in: test.id, settings: RepositorySettings(encryption: .kms(key: text)))
            #expect((made.encryption.keyARN == key.arn) == (text != "alias/aws/ecr"))
        }
        try await test.keys.disable(key.id, in: test.id)
        let refused = await refusal { try await create(RepositorySettings(encryption: .kms(key: key.arn))) }
        #expect(refused?.reason == .kmsKeyDisabled)
        #expect(try await repositories.find(name, in: test.id) == nil)
        let missing = await refusal { try await create(RepositorySettings(encryption: .kms(key: "alias/none"))) }
        #expect(missing?.reason == .kmsKeyNotFound)
    }

    @Test func aNameIsTakenOnceInARegistry() async throws {
        _ = try await create()
        let refused = await refusal { try await create() }
        #expect(refused?.reason == .repositoryAlreadyExists)
        #expect(
            refused?.message
                == "The repository with name 'team/app' already exists in the registry with id '111122223333'")
        let elsewhere = RegistryID(account: test.id.account, region: try Region("eu-west-1"))
        let other = try await repositories.create(name, in: elsewhere, settings: RepositorySettings())
        #expect(other.arn.contains(":eu-west-1:"))
    }

    @Test func oneOfManyWhoCreateTheSameNameSucceeds() async throws {
        let made = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (try? await repositories.create(name, in: test.id, settings: RepositorySettings())) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(made == 1)
    }

    @Test func repositoriesAreListedByNameInPages() async throws {
        for text in ["b/x", "a/x", "c/x", "a/y"] {
            _ = try await repositories.create(RepositoryName(text), in: test.id, settings: RepositorySettings())
        }
        let first = try await repositories.describe(in: test.id, after: nil, limit: 3)
        #expect(first.items.map(\.name.description) == ["a/x", "a/y", "b/x"])
        let second = try await repositories.describe(in: test.id, after: first.next, limit: 3)
        #expect(second.items.map(\.name.description) == ["c/x"])
        #expect(second.next == nil)
        let exact = try await repositories.describe(in: test.id, after: nil, limit: 4)
        #expect(exact.next == nil)
        let named = try await repositories.describe(
            named: [RepositoryName("c/x"), RepositoryName("a/x"), RepositoryName("c/x")], in: test.id)
        #expect(named.map(\.name.description) == ["c/x", "a/x"])
        let missing = await refusal {
            try await repositories.describe(
                named: [RepositoryName("c/x"), RepositoryName("no/1"), RepositoryName("no/2")], in: test.id)
        }
        #expect(
            missing?.message == "The repository with name 'no/1' does not exist in the registry with id '111122223333'")
    }

    @Test func aRepositoryWithImagesIsDeletedOnlyByForce() async throws {
        try await test.rule()
        _ = test.upstream.addImage(to: "nginx/nginx", tags: ["1"], layer: noise(10))
        _ = try await test.pull("1", "ecr-public/nginx/nginx")
        let cached = try RepositoryName("ecr-public/nginx/nginx")
        let refused = await refusal { try await repositories.delete(cached, in: test.id, images: .refused) }
        #expect(refused?.reason == .repositoryNotEmpty)
        #expect(
            refused?.message == "The repository with name 'ecr-public/nginx/nginx' in registry with id '111122223333' "
                + "cannot be deleted because it still contains images")
        let before = try #require(try await repositories.find(cached, in: test.id))
        #expect(try await repositories.delete(cached, in: test.id, images: .deletedToo) == before)
        #expect(try await repositories.find(cached, in: test.id) == nil)
        let gone = await refusal { try await repositories.sealedKey(of: before) }
        #expect(gone?.reason == .repositoryNotFound)
        let again = await refusal { try await repositories.delete(cached, in: test.id, images: .deletedToo) }
        #expect(again?.reason == .repositoryNotFound)
        let left = try await test.database.read { sql in
            try sql.rows("SELECT COUNT(*) FROM image", []).first?.integer(0)
        }
        #expect(left == 0)
    }

    @Test func anEmptyRepositoryIsDeletedAndItsNameIsFree() async throws {
        let first = try await create()
        _ = try await repositories.delete(name, in: test.id, images: .refused)
        let second = try await create()
        #expect(first.id != second.id)
    }

    @Test func whatIsChangedIsSeenAtOnce() async throws {
        _ = try await create()
        #expect(try await repositories.find(name, in: test.id)?.mutability == .mutable)
        let mutability = TagMutability(.mutableWithExclusion, excluding: ["v*.*"])
        #expect(try await repositories.setMutability(mutability, of: name, in: test.id).mutability == mutability)
        #expect(try await repositories.find(name, in: test.id)?.mutability == mutability)
        _ = try await repositories.setScanOnPush(true, of: name, in: test.id)
        #expect(try await repositories.find(name, in: test.id)?.scanOnPush == true)
    }

    @Test(
        "Exclusion filters ECR refuses",
        arguments: [
            (TagMutability.Setting.mutable, ["x"]), (.immutable, ["x"]), (.immutableWithExclusion, []),
            (.mutableWithExclusion, ["a", "b", "c", "d", "e", "f"]), (.mutableWithExclusion, ["a", "a"]),
            (.immutableWithExclusion, ["a*b*c*"]), (.immutableWithExclusion, ["sp ace"]), (.immutableWithExclusion, [""]),
            (.immutableWithExclusion, [String(repeating: "a", count: 129)]),
        ])
    func exclusions(setting: TagMutability.Setting, filters: [String]) async throws {
        let settings = RepositorySettings(mutability: TagMutability(setting, excluding: filters))
        let refused = await refusal { try await create(settings) }
        #expect(refused?.reason == .invalidParameter)
    }

    @Test func policiesAreCheckedKeptAndDeleted() async throws {
        _ = try await create()
        let none = await refusal { try await repositories.policy(of: name, in: test.id) }
        #expect(
            none?.message == "Repository policy does not exist for the repository with name 'team/app' "
                + "in the registry with id '111122223333'")
        let bad = await refusal {
            try await repositories.setPolicy(
                #"{"Statement":[]}"#, of: name, in: test.id, by: test.caller, lockout: .refused)
        }
        #expect(
            bad?.message
                == "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'")
        #expect(bad?.facts["policy.error"] != nil)
        let text = #"{ "Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*"}] }"#
        _ = try await repositories.setPolicy(text, of: name, in: test.id, by: test.caller, lockout: .refused)
        #expect(try await repositories.policy(of: name, in: test.id) == text)
        #expect(try await repositories.deletePolicy(of: name, in: test.id) == text)
        #expect(await refusal { try await repositories.deletePolicy(of: name, in: test.id) }?.reason == .repositoryPolicyNotFound)
    }

    @Test func aPolicyThatLocksItsAuthorOutNeedsForce() async throws {
        _ = try await create()
        let text = #"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*"}]}"#
        let refused = await refusal {
            try await repositories.setPolicy(text, of: name, in: test.id, by: test.caller, lockout: .refused)
        }
        #expect(refused?.reason == .invalidParameter)
        _ = try await repositories.setPolicy(text, of: name, in: test.id, by: test.caller, lockout: .accepted)
        #expect(try await repositories.policy(of: name, in: test.id) == text)
    }

    @Test func lifecyclePoliciesAreCheckedKeptAndDeleted() async throws {
        _ = try await create()
        let none = await refusal { try await test.registry.lifecycle.policy(of: name, in: test.id) }
        #expect(
            none?.message == "Lifecycle policy does not exist for the repository with name 'team/app' "
                + "in the registry with id '111122223333'")
        let bad = await refusal { try await repositories.setLifecyclePolicy("{}", of: name, in: test.id) }
        #expect(bad?.message.hasSuffix(#"object has missing required properties (["rules"])'"#) == true)
        let text =
            #"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":3},"action":{"type":"expire"}}]}"#
        _ = try await repositories.setLifecyclePolicy(text, of: name, in: test.id)
        #expect(try await test.registry.lifecycle.deletePolicy(of: name, in: test.id).text == text)
        let gone = await refusal { try await test.registry.lifecycle.deletePolicy(of: name, in: test.id) }
        #expect(gone?.reason == .lifecyclePolicyNotFound)
    }

    @Test func tagsAreMergedAndTakenAway() async throws {
        _ = try await create(RepositorySettings(tags: [ResourceTag(key: "a", value: "1")]))
        try await repositories.tag(
            name, in: test.id, with: [ResourceTag(key: "b", value: "2"), ResourceTag(key: "a", value: "3")])
        #expect(
            try await repositories.tags(of: name, in: test.id)
                == [ResourceTag(key: "a", value: "3"), ResourceTag(key: "b", value: "2")])
        try await repositories.untag(name, in: test.id, keys: ["a", "never there"])
        #expect(try await repositories.tags(of: name, in: test.id) == [ResourceTag(key: "b", value: "2")])
    }

    @Test(
        "Tags ECR refuses",
        arguments: [
            ("", "x"), (String(repeating: "k", count: 129), "x"), ("k", String(repeating: "v", count: 257)), ("aws:x", "y"),
            ("AWS:x", "y"), ("k!", "x"), ("k", "line\nbreak"),
        ])
    func badTags(key: String, value: String) async throws {
        _ = try await create()
        let refused = await refusal {
            try await repositories.tag(name, in: test.id, with: [ResourceTag(key: key, value: value)])
        }
        #expect(refused?.reason == .invalidTagParameter)
    }

    @Test func aRepositoryHasFiftyTagsAtMost() async throws {
        let tags = (0..<50).map { ResourceTag(key: "k\($0)", value: "Grün \($0)") }
        _ = try await create(RepositorySettings(tags: tags))
        let refused = await refusal {
            try await repositories.tag(name, in: test.id, with: [ResourceTag(key: "one more", value: "")])
        }
        #expect(refused?.reason == .tooManyTags)
        #expect(try await repositories.tags(of: name, in: test.id).count == 50)
        try await repositories.tag(name, in: test.id, with: [ResourceTag(key: "k1", value: "new")])
    }
}
