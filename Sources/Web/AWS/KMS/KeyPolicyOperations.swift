import WeirCore
import WeirVault

/// A key's policy and its rotation.
struct KeyPolicyOperations: Sendable {
    let keys: Keys
    let principals: any PrincipalPolicies

    /// The only name that a key's policy can have.
    private static let policyName = "default"

    var table: [AWSOperation] {
        [
            AWSOperation(.kms, "GetKeyPolicy", may: .key, policy),
            AWSOperation(.kms, "PutKeyPolicy", may: .keyPolicy, setPolicy),
            AWSOperation(.kms, "ListKeyPolicies", may: .key, listPolicies),
            AWSOperation(.kms, "GetKeyRotationStatus", may: .key, rotation),
            AWSOperation(.kms, "EnableKeyRotation", may: .key, enableRotation),
            AWSOperation(.kms, "DisableKeyRotation", may: .key, disableRotation),
            AWSOperation(.kms, "RotateKeyOnDemand", may: .key, rotate),
            AWSOperation(.kms, "ListKeyRotations", may: .key, listRotations),
        ]
    }

    private func policy(_ call: AWSCall) async throws -> JSONValue {
        try Self.checkPolicyName(call.input)
        let key = try await keys.resolve(call.keyName(), in: call.registry)
        return [
            "Policy": .string(try await key.pins.readBack(key.policy, by: principals)), "PolicyName": .string(Self.policyName),
        ]
    }

    private func setPolicy(_ call: AWSCall) async throws -> JSONValue {
        try Self.checkPolicyName(call.input)
        let policy = try call.input.string("Policy", length: 1...131_072)
        try call.refuseUnfilled(policy)
        try await keys.setPolicy(
            policy, of: call.keyName(), in: call.registry, by: call.policyAuthor(), principals: principals)
        call.warn(about: policy, of: "the KMS key \(try call.keyName())")
        return [:]
    }

    private static func checkPolicyName(_ input: Parameters) throws {
        let name = try input.optionalString("PolicyName", length: 1...128) ?? policyName
        guard name == policyName else { throw Refusal(.kmsKeyNotFound, "No such policy exists") }
    }

    private func listPolicies(_ call: AWSCall) async throws -> JSONValue {
        _ = try MarkerRequest(call.input, of: "ListKeyPolicies", defaultLimit: 100)
        _ = try await keys.resolve(call.keyName(), in: call.registry)
        return ["PolicyNames": [.string(Self.policyName)], "Truncated": false]
    }

    private func rotation(_ call: AWSCall) async throws -> JSONValue {
        let key = try await keys.resolve(call.keyName(), in: call.registry)
        // KMS reports no rotation for a key that waits for its deletion; cancelling the deletion brings it back.
        let rotation = key.state == .pendingDeletion ? nil : key.rotation
        return .members([
            "KeyId": .string(key.id), "KeyRotationEnabled": .bool(rotation != nil),
            "RotationPeriodInDays": rotation.map { .integer(Int64($0.days)) },
            "NextRotationDate": rotation.map { .timestamp($0.next) },
        ])
    }

    private func enableRotation(_ call: AWSCall) async throws -> JSONValue {
        let allowed = Int64(KMSKey.Rotation.daysAllowed.lowerBound)...Int64(KMSKey.Rotation.daysAllowed.upperBound)
        let days = try call.input.optionalInteger("RotationPeriodInDays", allowed).map { Int($0) }
        try await keys.enableRotation(of: call.keyName(), in: call.registry, everyDays: days)
        return [:]
    }

    private func disableRotation(_ call: AWSCall) async throws -> JSONValue {
        try await keys.disableRotation(of: call.keyName(), in: call.registry)
        return [:]
    }

    private func rotate(_ call: AWSCall) async throws -> JSONValue {
        ["KeyId": .string(try await keys.rotateOnDemand(call.keyName(), in: call.registry).id)]
    }

    private enum Included: String, CaseIterable {
        case all = "ALL_KEY_MATERIAL"
        case rotations = "ROTATIONS_ONLY"
    }

    private func listRotations(_ call: AWSCall) async throws -> JSONValue {
        let included = try call.input.optionalChoice("IncludeKeyMaterial", Included.self) ?? .rotations
        let part = try MarkerRequest(call.input, of: "ListKeyRotations", defaultLimit: 100)
        let (key, page) = try await keys.rotations(
            of: call.keyName(), in: call.registry, first: included == .all, after: part.after, limit: part.limit)
        return part.answer(page, as: "Rotations") { .rotation($0, of: key) }
    }
}
