import ConformanceSuites
import Testing
import WeirCore

import WeirRegistry

/// The rights and the refusals for repositories made by a pull or a push: the same for both.
@Suite struct RepositoryCreationTests {
    private func template(
        _ house: TestRegistry, tags: [ResourceTag] = [], key: String? = nil, for scenario: CreationTemplate.Scenario
    ) async throws {
        var draft = TemplateDraft(
            prefix: try Prefix("ecr-public", lengths: CreationTemplate.prefixLengths), appliedFor: [scenario])
        if !tags.isEmpty { draft.resourceTags = tags }
        if let key { draft.encryption = .init(type: "KMS", kmsKey: key) }
        _ = try await house.registry.templates.create(draft, in: house.id)
    }

    private func deny(_ action: String, _ house: TestRegistry) async throws {
        try await house.registry.settings.setPolicy(
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"\#(action)","Resource":"*"}]}"#,
            of: house.id)
    }

    private func make(_ scenario: CreationTemplate.Scenario, _ house: TestRegistry) async throws {
        if scenario == .pullThroughCache {
            _ = try await house.pull("1", "ecr-public/a/b")
        } else {
            try await house.registry.pushTargets.prepare(RepositoryName("ecr-public/a/b"), of: house.id, for: house.caller)
        }
    }

    private func house() async throws -> TestRegistry {
        let house = try await TestRegistry()
        try await house.rule()
        _ = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000))
        return house
    }

    @Test(
        "Tags take a right of their own, and only where there are some",
        arguments: [CreationTemplate.Scenario.pullThroughCache, .createOnPush])
    func tags(scenario: CreationTemplate.Scenario) async throws {
        let house = try await house()
        try await template(house, tags: [ResourceTag(key: "team", value: "red")], for: scenario)
        try await deny("ecr:TagResource", house)
        let refusal = await #expect(throws: Refusal.self) { try await make(scenario, house) }
        #expect(refusal?.reason == .accessDenied && refusal?.message.contains("ecr:TagResource") == true)
        #expect(try await house.registry.repositories.find(RepositoryName("ecr-public/a/b"), in: house.id) == nil)
        await house.registry.pulls.close()

        let bare = try await self.house()
        try await template(bare, for: scenario)
        try await deny("ecr:TagResource", bare)
        try await make(scenario, bare)
        #expect(try await bare.registry.repositories.find(RepositoryName("ecr-public/a/b"), in: bare.id) != nil)
        await bare.registry.pulls.close()
    }

    @Test(
        "A template that cannot be applied is told in the same words",
        arguments: [CreationTemplate.Scenario.pullThroughCache, .createOnPush])
    func words(scenario: CreationTemplate.Scenario) async throws {
        let house = try await house()
        let key = "arn:aws:kms:\(house.id.region):\(house.id.account):key/11111111-2222-4333-8444-555555555555"
        try await template(house, key: key, for: scenario)
        let refusal = await #expect(throws: Refusal.self) { try await make(scenario, house) }
        #expect(refusal?.reason == (scenario == .createOnPush ? .kmsKeyNotFound : .templateFailed))
        let words = "The repository ecr-public/a/b could not be created from the creation template 'ecr-public': "
        #expect(refusal?.message.hasPrefix(words) == true, "\(String(describing: refusal))")
        await house.registry.pulls.close()
    }
}
