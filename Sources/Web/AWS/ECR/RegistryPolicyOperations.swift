import WeirCore
import WeirRegistry

/// The policy of a whole registry.
struct RegistryPolicyOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "PutRegistryPolicy", may: .registry, put),
            AWSOperation(.ecr, "GetRegistryPolicy", may: .registry, policy),
            AWSOperation(.ecr, "DeleteRegistryPolicy", may: .registry, delete),
        ]
    }

    private func put(_ call: AWSCall) async throws -> JSONValue {
        let text = try call.input.string("policyText", length: 0...10_240)
        try call.refuseUnfilled(text)
        try await registry.settings.setPolicy(text, of: call.registry)
        call.warn(about: text, of: "the registry")
        warn(call, text)
        return answer(call, text)
    }

    /// ECR accepts both silently, and so does this server. The warning is for an author who did not mean it.
    private func warn(_ call: AWSCall, _ text: String) {
        guard let policy = try? PolicyDocument(text) else { return }
        if registry.access.shutsOut(call.caller, by: policy, of: call.registry) {
            call.warn(
                "This policy denies you, who have set it, the registry or all its images. The account's root can still call "
                    + "GetRegistryPolicy, PutRegistryPolicy and DeleteRegistryPolicy.", about: "the registry")
        }
        for statement in policy.statementsBeyond(call.registry) {
            call.warn(
                "The Resource of the statement \(statement) names nothing of this registry: the statement never holds.",
                about: "the registry")
        }
    }

    private func policy(_ call: AWSCall) async throws -> JSONValue {
        answer(call, try await registry.settings.policy(of: call.registry))
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        answer(call, try await registry.settings.deletePolicy(of: call.registry))
    }

    private func answer(_ call: AWSCall, _ text: String) -> JSONValue {
        ["registryId": .string(call.registry.account.description), "policyText": .string(text)]
    }
}
