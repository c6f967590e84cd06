import WeirCore
import WeirVault

/// Keys: create, describe, list, enable, disable and delete.
struct KeyOperations: Sendable {
    let keys: Keys
    let principals: any PrincipalPolicies

    var table: [AWSOperation] {
        [
            AWSOperation(.kms, "CreateKey", may: .newKey, create),
            AWSOperation(.kms, "DescribeKey", may: .key, describe),
            AWSOperation(.kms, "ListKeys", may: .account, list),
            AWSOperation(.kms, "EnableKey", may: .key, enable),
            AWSOperation(.kms, "DisableKey", may: .key, disable),
            AWSOperation(.kms, "UpdateKeyDescription", may: .key, setDescription),
            AWSOperation(.kms, "ScheduleKeyDeletion", may: .key, scheduleDeletion),
            AWSOperation(.kms, "CancelKeyDeletion", may: .key, cancelDeletion),
        ]
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        try Self.refuseOtherKinds(call.input)
        let new = NewKey(
            description: try call.input.optionalString("Description", length: 0...8_192) ?? "",
            policy: try call.input.optionalString("Policy", length: 1...131_072), tags: try call.keyTags() ?? [])
        try call.refuseUnfilled(new.policy)
        let key = try await keys.create(new, in: call.registry, by: call.policyAuthor(), principals: principals)
        call.warn(about: new.policy, of: "the KMS key \(key.id)")
        return ["KeyMetadata": .metadata(of: key)]
    }

    /// Refuses all but symmetric keys whose material this server makes: there are no others here.
    private static func refuseOtherKinds(_ input: Parameters) throws {
        let usage = try input.optionalChoice("KeyUsage", KeyUsage.self) ?? .encryptDecrypt
        guard usage == .encryptDecrypt else { throw unsupported("KeyUsage \(usage.rawValue)") }
        for member in ["KeySpec", "CustomerMasterKeySpec"] {
            if let spec = try input.optionalString(member), spec != "SYMMETRIC_DEFAULT" {
                throw unsupported("\(member) \(spec.prefix(40))")
            }
        }
        if let origin = try input.optionalString("Origin"), origin != "AWS_KMS" {
            throw unsupported("Origin \(origin.prefix(40))")
        }
        if try input.optionalBool("MultiRegion") ?? false { throw unsupported("MultiRegion") }
        for member in ["CustomKeyStoreId", "XksKeyId"] where input.has(member) { throw unsupported(member) }
    }

    private enum KeyUsage: String, CaseIterable {
        case signVerify = "SIGN_VERIFY"
        case encryptDecrypt = "ENCRYPT_DECRYPT"
        case generateVerifyMAC = "GENERATE_VERIFY_MAC"
        case keyAgreement = "KEY_AGREEMENT"
    }

    private static func unsupported(_ what: String) -> Refusal {
        Refusal(
            .kmsUnsupported,
            "\(what) is not supported: this server has keys of KeyUsage ENCRYPT_DECRYPT, KeySpec SYMMETRIC_DEFAULT, Origin AWS_KMS, in one region."
        )
    }

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        try call.checkGrantTokens()
        return ["KeyMetadata": .metadata(of: try await keys.describe(call.keyName(), in: call.registry))]
    }

    private func list(_ call: AWSCall) async throws -> JSONValue {
        let part = try MarkerRequest(call.input, of: "ListKeys", defaultLimit: 100)
        let page = try await keys.list(in: call.registry, after: part.after, limit: part.limit)
        return part.answer(page, as: "Keys") { ["KeyId": .string($0.id), "KeyArn": .string($0.arn)] }
    }

    private func enable(_ call: AWSCall) async throws -> JSONValue {
        try await keys.enable(call.keyName(), in: call.registry)
        return [:]
    }

    private func disable(_ call: AWSCall) async throws -> JSONValue {
        try await keys.disable(call.keyName(), in: call.registry)
        return [:]
    }

    private func setDescription(_ call: AWSCall) async throws -> JSONValue {
        let description = try call.input.string("Description", length: 0...8_192)
        try await keys.setDescription(description, of: call.keyName(), in: call.registry)
        return [:]
    }

    private func scheduleDeletion(_ call: AWSCall) async throws -> JSONValue {
        let allowed = Int64(Keys.deletionDaysAllowed.lowerBound)...Int64(Keys.deletionDaysAllowed.upperBound)
        let days = Int(try call.input.optionalInteger("PendingWindowInDays", allowed) ?? allowed.upperBound)
        let key = try await keys.scheduleDeletion(of: call.keyName(), in: call.registry, afterDays: days)
        return .members([
            "KeyId": .string(key.arn), "DeletionDate": key.deletionAt.map { .timestamp($0) },
            "KeyState": .string(key.state.rawValue), "PendingWindowInDays": .integer(Int64(days)),
        ])
    }

    private func cancelDeletion(_ call: AWSCall) async throws -> JSONValue {
        ["KeyId": .string(try await keys.cancelDeletion(of: call.keyName(), in: call.registry).arn)]
    }
}
