import WeirCore
import WeirRegistry

/// Repository creation templates. None of these operations takes a `registryId`.
struct TemplateOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "CreateRepositoryCreationTemplate", may: .reading { try Self.laying($0, $1) }, create),
            AWSOperation(.ecr, "DescribeRepositoryCreationTemplates", may: .registry, describe),
            AWSOperation(.ecr, "UpdateRepositoryCreationTemplate", may: .reading { try Self.laying($0, $1) }, update),
            AWSOperation(.ecr, "DeleteRepositoryCreationTemplate", may: .registry, delete),
        ]
    }

    /// Repositories get what the template says, policies too. So its author needs the rights to give it to them: on every
    /// repository that the template can be for.
    private static func laying(_ call: AWSCall, _ action: String) throws -> [AccessDemand] {
        let registry = call.registry
        var demands = [AccessDemand(action, on: .registry(registry))]
        guard let prefix = try call.optionalPrefix("prefix", lengths: CreationTemplate.prefixLengths) else { return demands }
        let covered = registry.arn("ecr", "repository/\(prefix.beginning)*")
        var actions = ["ecr:CreateRepository"]
        let given = { (member: String) in try call.input.optionalString(member).map { !$0.isEmpty } ?? false }
        if try given("repositoryPolicy") { actions.append("ecr:SetRepositoryPolicy") }
        if try given("lifecyclePolicy") { actions.append("ecr:PutLifecyclePolicy") }
        demands += actions.map { AccessDemand($0, on: .own(covered, in: registry)) }
        if let role = try call.input.optionalString("customRoleArn", length: 0...2_048), !role.isEmpty {
            demands.append(.passRole(role, to: .templates, in: registry))
        }
        return demands
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        let draft = try draft(call)
        _ = try call.input.required("appliedFor", draft.appliedFor)
        try call.refuseUnfilled(draft.repositoryPolicy)
        let template = try await registry.templates.create(draft, in: call.registry)
        call.warn(about: draft.repositoryPolicy, of: "the creation template \(draft.prefix)")
        return answer(template, call)
    }

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        let account: [String: JSONValue] = ["registryId": .string(call.registry.account.description)]
        let lengths = CreationTemplate.prefixLengths
        // Terraform sends an empty list for none.
        if let named = try call.prefixes("prefixes", count: nil, lengths: lengths), !named.isEmpty {
            try PageRequest.refuse(call.input, besides: "prefixes")
            let templates = try await registry.templates.describe(named, in: call.registry)
            return .object(account).adding([
                "repositoryCreationTemplates": .array(templates.map { .template($0) })
            ])
        }
        let page = try PageRequest(call.input, of: "DescribeRepositoryCreationTemplates")
        let found = try await registry.templates.describe(in: call.registry, after: page.after, limit: page.limit)
        return page.answer(found, as: "repositoryCreationTemplates", account) { .template($0) }
    }

    private func update(_ call: AWSCall) async throws -> JSONValue {
        let draft = try draft(call)
        try call.refuseUnfilled(draft.repositoryPolicy)
        let template = try await registry.templates.update(draft, in: call.registry)
        call.warn(about: draft.repositoryPolicy, of: "the creation template \(draft.prefix)")
        return answer(template, call)
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        let prefix = try call.prefix("prefix", lengths: CreationTemplate.prefixLengths)
        return answer(try await registry.templates.delete(prefix, in: call.registry), call)
    }

    private func draft(_ call: AWSCall) throws -> TemplateDraft {
        let input = call.input
        var draft = TemplateDraft(prefix: try call.prefix("prefix", lengths: CreationTemplate.prefixLengths))
        draft.description = try input.optionalString("description", length: 0...256)
        if let encryption = try input.optionalObject("encryptionConfiguration") {
            draft.encryption = TemplateDraft.Encryption(
                type: try encryption.choice("encryptionType", EncryptionType.self).rawValue,
                kmsKey: try encryption.optionalString("kmsKey", length: 0...2_048))
        }
        draft.resourceTags = try call.resourceTags("resourceTags")
        draft.mutability = try input.tagMutabilitySetting()
        draft.exclusions = try input.exclusionFilters()
        draft.repositoryPolicy = try input.optionalString("repositoryPolicy", length: 0...10_240)
        draft.lifecyclePolicy = try input.optionalString("lifecyclePolicy", length: 0...LifecyclePolicy.maxLength)
        draft.appliedFor = try input.optionalChoices("appliedFor")
        draft.customRoleARN = try input.optionalString("customRoleArn", length: 0...2_048)
        return draft
    }

    private func answer(_ template: CreationTemplate, _ call: AWSCall) -> JSONValue {
        ["registryId": .string(call.registry.account.description), "repositoryCreationTemplate": .template(template)]
    }
}
