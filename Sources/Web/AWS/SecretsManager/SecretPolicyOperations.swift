import WeirCore
import WeirRegistry
import WeirVault

/// A secret's resource policy.
struct SecretPolicyOperations: Sendable {
    let secrets: Secrets
    let principals: any PrincipalPolicies

    var table: [AWSOperation] {
        [
            AWSOperation(.secretsmanager, "PutResourcePolicy", may: .secret, put),
            AWSOperation(.secretsmanager, "GetResourcePolicy", may: .secret, policy),
            AWSOperation(.secretsmanager, "DeleteResourcePolicy", may: .secret, delete),
            AWSOperation(.secretsmanager, "ValidateResourcePolicy", may: .validatedSecret, validate),
        ]
    }

    private func put(_ call: AWSCall) async throws -> JSONValue {
        let text = try call.input.string("ResourcePolicy", length: 1...SecretPolicy.maxLength)
        try call.refuseUnfilled(text)
        let blocks = try call.input.optionalBool("BlockPublicPolicy") ?? false
        let secret = try await secrets.setPolicy(
            text, of: call.secretName(), in: call.registry, blocks ? .refused : .accepted, by: principals)
        call.warn(about: text, of: "the secret \(secret.name)")
        return .about(secret)
    }

    private func policy(_ call: AWSCall) async throws -> JSONValue {
        let secret = try await secrets.describe(call.secretName(), in: call.registry).secret
        try secret.checkNotDeleted()
        guard let policy = secret.policy else { return .about(secret) }
        return JSONValue.about(secret).adding([
            "ResourcePolicy": .string(try await secret.pins.readBack(policy, by: principals))
        ])
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        .about(try await secrets.deletePolicy(of: call.secretName(), in: call.registry))
    }

    /// A fault is an answer, not an error.
    private func validate(_ call: AWSCall) async throws -> JSONValue {
        let text = try call.input.string("ResourcePolicy", length: 1...SecretPolicy.maxLength)
        if call.input.has("SecretId") { _ = try await secrets.describe(call.secretName(), in: call.registry) }
        do { _ = try await SecretPolicy.check(text, .refused, by: principals) } catch let fault as SecretPolicy.Fault {
            let error: JSONValue = ["CheckName": .string(fault.check), "ErrorMessage": .string(fault.refusal.message)]
            return ["PolicyValidationPassed": false, "ValidationErrors": [error]]
        }
        return ["PolicyValidationPassed": true, "ValidationErrors": []]
    }
}

extension OperationPermission {
    /// The secret that `SecretId` names, or none.
    fileprivate static let validatedSecret = reading { call, action in
        guard call.input.has("SecretId") else { return [AccessDemand(action, on: .own("*", in: call.registry))] }
        return [AccessDemand(action, on: .secret(try call.secretName(), in: call.registry))]
    }
}
