import WeirCore
import WeirRegistry

/// A repository's policy.
struct PolicyOperations: Sendable {
    let registry: Registry

    var table: [AWSOperation] {
        [
            AWSOperation(.ecr, "SetRepositoryPolicy", may: .repository, set),
            AWSOperation(.ecr, "GetRepositoryPolicy", may: .repository, policy),
            AWSOperation(.ecr, "DeleteRepositoryPolicy", may: .repository, delete),
        ]
    }

    private func set(_ call: AWSCall) async throws -> JSONValue {
        let text = try call.input.string("policyText", length: 0...10_240)
        let isForced = try call.input.optionalBool("force") ?? false
        let (name, home) = try call.repository()
        try call.refuseUnfilled(text)
        _ = try await registry.repositories.setPolicy(
            text, of: name, in: home, by: call.caller, lockout: isForced ? .accepted : .refused)
        call.warn(about: text, of: "the repository \(name)")
        return .about(name, in: home, ["policyText": .string(text)])
    }

    private func policy(_ call: AWSCall) async throws -> JSONValue {
        let (name, home) = try call.repository()
        let text = try await registry.repositories.policy(of: name, in: home)
        return .about(name, in: home, ["policyText": .string(text)])
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        let (name, home) = try call.repository()
        let text = try await registry.repositories.deletePolicy(of: name, in: home)
        return .about(name, in: home, ["policyText": .string(text)])
    }
}
