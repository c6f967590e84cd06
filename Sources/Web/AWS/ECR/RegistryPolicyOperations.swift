import WeirCore
import WeirRegistry

/// The policy of a whole registry.
struct RegistryPolicyOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "PutRegistryPolicy", put),
            AWSOperation(.ecr, "GetRegistryPolicy", policy),
            AWSOperation(.ecr, "DeleteRegistryPolicy", delete),
        ]
    }

    private func put(_ call: AWSCall) async throws -> JSONValue {
        let text = try call.input.string("policyText", length: 0...10_240)
        try await call.permit("ecr:PutRegistryPolicy", in: call.registry, registry.access)
        try await registry.settings.setPolicy(text, of: call.registry)
        call.warn(about: text, of: "the registry")
        return answer(call, text)
    }

    private func policy(_ call: AWSCall) async throws -> JSONValue {
        try await call.permit("ecr:GetRegistryPolicy", in: call.registry, registry.access)
        return answer(call, try await registry.settings.policy(of: call.registry))
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        try await call.permit("ecr:DeleteRegistryPolicy", in: call.registry, registry.access)
        return answer(call, try await registry.settings.deletePolicy(of: call.registry))
    }

    private func answer(_ call: AWSCall, _ text: String) -> JSONValue {
        ["registryId": .string(call.registry.account.description), "policyText": .string(text)]
    }
}
