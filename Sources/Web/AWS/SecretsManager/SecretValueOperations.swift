import WeirCore
import WeirVault

/// The values of secrets, and the stages that name them.
struct SecretValueOperations: Sendable {
    let secrets: Secrets

    private static let tokenLengths = 32...64
    private static let stageLengths = 1...256

    var table: [AWSOperation] {
        [
            AWSOperation(.secretsmanager, "GetSecretValue", may: .secret, value),
            AWSOperation(.secretsmanager, "PutSecretValue", may: .secret, put),
            AWSOperation(.secretsmanager, "UpdateSecretVersionStage", may: .secret, move),
        ]
    }

    private func value(_ call: AWSCall) async throws -> JSONValue {
        let told = try await secrets.value(
            of: call.secretName(), in: call.registry,
            version: call.input.optionalString("VersionId", length: Self.tokenLengths),
            stage: call.input.optionalString("VersionStage", length: Self.stageLengths))
        return .value(told)
    }

    private func put(_ call: AWSCall) async throws -> JSONValue {
        let (name, token) = (try call.secretName(), try call.requestToken())
        let stages = try call.input.optionalStrings("VersionStages", count: 1...20, length: Self.stageLengths) ?? []
        // For rotation from another account, which this server does not have. The caller's rights are checked as usual.
        _ = try call.input.optionalString("RotationToken", length: 36...256)
        guard let value = try call.secretValue() else {
            throw Refusal(.secretInvalidRequest, "You must provide either SecretString or SecretBinary.")
        }
        let (secret, version) = try await secrets.put(
            value, into: name, in: call.registry, token: token, stages: stages)
        return JSONValue.about(secret).adding([
            "VersionId": .string(version.id), "VersionStages": .strings(version.stages),
        ])
    }

    private func move(_ call: AWSCall) async throws -> JSONValue {
        let secret = try await secrets.move(
            stage: call.input.string("VersionStage", length: Self.stageLengths), of: call.secretName(),
            in: call.registry,
            from: call.input.optionalString("RemoveFromVersionId", length: Self.tokenLengths),
            to: call.input.optionalString("MoveToVersionId", length: Self.tokenLengths))
        return .about(secret)
    }
}

extension JSONValue {
    /// A value, with the facts about its version.
    static func value(_ told: Secrets.Told) -> JSONValue {
        let answer = JSONValue.about(told.secret).adding([
            "VersionId": .string(told.versionID), "CreatedDate": .timestamp(told.createdAt),
            "VersionStages": told.stages.isEmpty ? nil : .strings(told.stages),
        ])
        switch told.value {
        case .text(let text): return answer.adding(["SecretString": .string(text)])
        case .binary(let bytes): return answer.adding(["SecretBinary": .blob(bytes)])
        }
    }
}
