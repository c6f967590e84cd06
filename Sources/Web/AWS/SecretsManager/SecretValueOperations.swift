import WeirCore
import WeirVault

/// The values of secrets, and the stages that name them.
struct SecretValueOperations: Sendable {
    let secrets: Secrets

    private static let tokenLengths = 32...64
    private static let stageLengths = 1...256

    var table: [AWSOperation] {
        [
            AWSOperation(.secretsmanager, "GetSecretValue", value),
            AWSOperation(.secretsmanager, "PutSecretValue", put),
            AWSOperation(.secretsmanager, "UpdateSecretVersionStage", move),
        ]
    }

    private func value(_ call: AWSCall) async throws -> JSONValue {
        let told = try await secrets.value(
            of: call.secretName(), in: call.registry,
            version: call.input.optionalString("VersionId", length: Self.tokenLengths),
            stage: call.input.optionalString("VersionStage", length: Self.stageLengths))
        let answer = JSONValue.about(told.secret).adding([
            "VersionId": .string(told.versionID), "CreatedDate": .timestamp(told.createdAt),
            "VersionStages": told.stages.isEmpty ? nil : .strings(told.stages),
        ])
        switch told.value {
        case .text(let text): return answer.adding(["SecretString": .string(text)])
        case .binary(let bytes): return answer.adding(["SecretBinary": .blob(bytes)])
        }
    }

    private func put(_ call: AWSCall) async throws -> JSONValue {
        guard let value = try call.secretValue() else {
            throw Refusal(.invalidParameter, "You must provide either SecretString or SecretBinary.")
        }
        let stages = try call.input.optionalStrings("VersionStages", count: 1...20, length: Self.stageLengths) ?? []
        let (secret, version) = try await secrets.put(
            value, into: call.secretName(), in: call.registry, token: call.requestToken(), stages: stages)
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
