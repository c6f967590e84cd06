import Testing
import WeirCore
import WeirRegistry

@Suite struct TemplatesTests {
    private let test: TestRegistry
    private var templates: Templates { test.registry.templates }

    private static let policy = #"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}"#
    private static let lifecycle =
        #"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":3},"action":{"type":"expire"}}]}"#
    private static let key = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

    init() async throws { test = try await TestRegistry() }

    private func prefix(_ text: String) throws -> Prefix { try Prefix(text, lengths: CreationTemplate.prefixLengths) }

    /// A draft that sets everything.
    private func full(_ text: String = "prod") throws -> TemplateDraft {
        TemplateDraft(
            prefix: try prefix(text), description: "for prod", encryption: .init(type: "KMS", kmsKey: Self.key),
            resourceTags: [ResourceTag(key: "team", value: "prod")], mutability: .immutableWithExclusion,
            exclusions: ["latest", "beta*"], repositoryPolicy: Self.policy, lifecyclePolicy: Self.lifecycle,
            appliedFor: [.pullThroughCache, .createOnPush],
            customRoleARN: "arn:aws:iam::111122223333:role/ecr-template")
    }

    private func refusal(_ body: () async throws -> some Sendable) async -> Refusal? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? Refusal
        }
    }

    @Test func aTemplateThatSaysLittleHasECRsDefaults() async throws {
        let made = try await templates.create(
            TemplateDraft(prefix: prefix("ROOT"), appliedFor: [.replication]), in: test.id)
        #expect(made.encryptionType == "AES256")
        #expect(made.kmsKey == nil)
        #expect(made.mutability == .mutable)
        #expect(made.resourceTags.isEmpty)
        #expect(made.description == nil && made.repositoryPolicy == nil && made.customRoleARN == nil)
        #expect(made.createdAt == test.now && made.updatedAt == test.now)
        #expect(try await templates.describe([prefix("ROOT")], in: test.id) == [made])
    }

    @Test func everythingThatIsSaidIsReadBack() async throws {
        let made = try await templates.create(full(), in: test.id)
        #expect(made.kmsKey == Self.key)
        #expect(made.mutability == TagMutability(.immutableWithExclusion, excluding: ["latest", "beta*"]))
        #expect(made.appliedFor == [.pullThroughCache, .createOnPush])
        #expect(try await templates.describe([prefix("prod/"), prefix("none")], in: test.id) == [made])
        let settings = RepositorySettings(made)
        #expect(settings.encryption == .kms(key: Self.key))
        #expect(settings.tags == made.resourceTags)
        #expect(settings.policy == Self.policy)
        #expect(settings.lifecyclePolicy == Self.lifecycle)
        #expect(settings.mutability == made.mutability)
    }

    @Test func anUpdateChangesWhatItSaysAndLeavesTheRest() async throws {
        let made = try await templates.create(full(), in: test.id)
        test.pass(.seconds(3))
        var draft = TemplateDraft(prefix: try prefix("prod"))
        draft.description = "new"
        let first = try await templates.update(draft, in: test.id)
        var wanted = made
        wanted.description = "new"
        wanted.updatedAt = test.now
        #expect(first == wanted)

        var clearing = TemplateDraft(prefix: try prefix("prod"))
        clearing.repositoryPolicy = ""
        clearing.lifecyclePolicy = ""
        clearing.customRoleARN = ""
        clearing.resourceTags = []
        clearing.mutability = .mutable
        clearing.encryption = .init(type: "KMS", kmsKey: "")
        let second = try await templates.update(clearing, in: test.id)
        #expect(second.repositoryPolicy == nil && second.lifecyclePolicy == nil && second.customRoleARN == nil)
        #expect(second.resourceTags.isEmpty)
        #expect(second.mutability == .mutable)
        #expect(second.encryptionType == "KMS" && second.kmsKey == nil)
        #expect(second.description == "new")
        #expect(second.appliedFor == made.appliedFor)
        #expect(try await templates.describe([prefix("prod")], in: test.id) == [second])
    }

    @Test func filtersMayChangeWhileTheSettingStays() async throws {
        _ = try await templates.create(full(), in: test.id)
        var draft = TemplateDraft(prefix: try prefix("prod"))
        draft.exclusions = ["dev-*"]
        #expect(
            try await templates.update(draft, in: test.id).mutability
                == TagMutability(.immutableWithExclusion, excluding: ["dev-*"]))
        draft.exclusions = nil
        draft.mutability = .mutableWithExclusion
        #expect(
            try await templates.update(draft, in: test.id).mutability
                == TagMutability(.mutableWithExclusion, excluding: ["dev-*"]))
    }

    @Test func templatesThatAreMissingOrThereAreSaidToBe() async throws {
        _ = try await templates.create(full(), in: test.id)
        let twice = await refusal { try await templates.create(full("prod/"), in: test.id) }
        #expect(twice?.reason == .templateAlreadyExists)
        #expect(
            twice?.message
                == "The repository creation template with the prefix 'prod/' already exists in the registry with id '111122223333'"
        )
        let draft = TemplateDraft(prefix: try prefix("none"))
        #expect(await refusal { try await templates.update(draft, in: test.id) }?.reason == .templateNotFound)
        let missing = await refusal { try await templates.delete(prefix("none"), in: test.id) }
        #expect(
            missing?.message
                == "The repository creation template with the prefix 'none' does not exist in the registry with id '111122223333'"
        )
        #expect(try await templates.delete(prefix("prod"), in: test.id).prefix.description == "prod")
        #expect(try await templates.describe(in: test.id, after: nil, limit: 10).items.isEmpty)
    }

    @Test func templatesAreListedInPages() async throws {
        for text in ["b", "ROOT", "a/b", "c"] { _ = try await templates.create(full(text), in: test.id) }
        let first = try await templates.describe(in: test.id, after: nil, limit: 3)
        #expect(first.items.map(\.prefix.description) == ["ROOT", "a/b", "b"])
        let second = try await templates.describe(in: test.id, after: first.next, limit: 3)
        #expect(second.items.map(\.prefix.description) == ["c"])
    }

    @Test(
        "Templates ECR refuses",
        arguments: [
            { (draft: inout TemplateDraft) in draft.appliedFor = [] },
            { (draft: inout TemplateDraft) in draft.appliedFor = nil },
            { (draft: inout TemplateDraft) in draft.appliedFor = [.replication, .replication] },
            { (draft: inout TemplateDraft) in draft.description = String(repeating: "x", count: 257) },
            { (draft: inout TemplateDraft) in draft.encryption = .init(type: "KMS", kmsKey: "alias/mine") },
            { (draft: inout TemplateDraft) in
                draft.encryption = .init(type: "KMS", kmsKey: "1234abcd-12ab-34cd-56ef-1234567890ab")
            },
            { (draft: inout TemplateDraft) in draft.encryption = .init(type: "AES256", kmsKey: key) },
            { (draft: inout TemplateDraft) in draft.encryption = .init(type: "KMS_DSSE") },
            { (draft: inout TemplateDraft) in draft.repositoryPolicy = "{}" },
            { (draft: inout TemplateDraft) in draft.lifecyclePolicy = #"{"rules":[]}"# },
            { (draft: inout TemplateDraft) in draft.exclusions = ["a*b*c*"] },
            { (draft: inout TemplateDraft) in draft.mutability = .immutable },
            { (draft: inout TemplateDraft) in draft.resourceTags = [ResourceTag(key: "aws:x", value: "")] },
            { (draft: inout TemplateDraft) in draft.resourceTags = (0...50).map { ResourceTag(key: "k\($0)", value: "") } },
            { (draft: inout TemplateDraft) in draft.customRoleARN = "not an arn" },
            { (draft: inout TemplateDraft) in draft.customRoleARN = "arn:aws:iam::444455556666:role/x" },
        ] as [@Sendable (inout TemplateDraft) -> Void])
    func refused(spoil: @Sendable (inout TemplateDraft) -> Void) async throws {
        var draft = try full()
        spoil(&draft)
        let wrong = draft
        #expect(await refusal { try await templates.create(wrong, in: test.id) }?.reason == .invalidParameter)
        #expect(try await templates.describe([prefix("prod")], in: test.id).isEmpty)
    }

    @Test func theClosestTemplateForTheScenarioIsUsed() async throws {
        for (text, scenarios) in [
            ("ROOT", [CreationTemplate.Scenario.pullThroughCache, .createOnPush]), ("prod", [.pullThroughCache]),
            ("prod/team", [.createOnPush]),
        ] {
            _ = try await templates.create(TemplateDraft(prefix: prefix(text), appliedFor: scenarios), in: test.id)
        }
        for (name, scenario, wanted) in [
            ("prod/team/api", CreationTemplate.Scenario.createOnPush, "prod/team"),
            ("prod/team/api", .pullThroughCache, "prod"), ("prod/api", .createOnPush, "ROOT"),
            ("production/api", .pullThroughCache, "ROOT"), ("prod/team/api", .replication, nil),
        ] as [(String, CreationTemplate.Scenario, String?)] {
            let found = try await templates.template(for: RepositoryName(name), scenario, in: test.id)
            #expect(found?.prefix.description == wanted)
        }
        _ = try await templates.delete(prefix("prod"), in: test.id)
        let found = try await templates.template(for: RepositoryName("prod/api"), .pullThroughCache, in: test.id)
        #expect(found?.prefix == .root)
    }
}
