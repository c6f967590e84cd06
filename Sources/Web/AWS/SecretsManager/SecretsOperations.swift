import WeirCore
import WeirRegistry
package import WeirVault

/// The table of the Secrets Manager API: a row for each operation of botocore's model, also for those that this server does not
/// have.
package enum SecretsOperations {
    package static func table(secrets: Secrets) -> [AWSOperation] {
        SecretOperations(secrets: secrets).table
            + SecretValueOperations(secrets: secrets).table
            + SecretListOperations(secrets: secrets).table
            + SecretBatchOperations(secrets: secrets).table
            + PasswordOperations().table
            + notYet.map(refused)
    }

    /// Operations that this server does not have: refused, so that no client tries again.
    package static let notYet = [
        "CancelRotateSecret", "PutResourcePolicy", "RemoveRegionsFromReplication", "ReplicateSecretToRegions", "RotateSecret",
        "StopReplicationToReplica", "ValidateResourcePolicy",
    ]

    private static func refused(_ name: String) -> AWSOperation {
        AWSOperation(.secretsmanager, name, may: .none) { _ in
            throw Refusal(.unsupported, "This server does not have the Secrets Manager operation \(name) yet.")
        }
    }
}

/// The resources of Secrets Manager operations.
extension OperationPermission {
    /// The secret that `SecretId` names.
    static let secret = own { $0.secretResource(try $0.secretName()) }

    static let newSecret = own { $0.secretResource(try $0.input.string("Name", length: 1...512)) }

    /// The secrets of `SecretIdList`, each of which must be readable; all secrets where filters select them.
    static let secrets = reading { call, action in
        let named = try call.input.optionalStrings("SecretIdList", count: 1...20, length: 1...2_048)
        let resources = named.map { $0.map(call.secretResource) } ?? ["*"]
        return [AccessDemand(action, on: .own("*", in: call.registry))]
            + resources.map { AccessDemand("secretsmanager:GetSecretValue", on: .own($0, in: call.registry)) }
    }
}

extension AWSCall {
    /// The ARN of the secret with this name, without the six characters at its end, which only the stored secret tells.
    fileprivate func secretResource(_ name: String) -> String {
        name.hasPrefix("arn:") ? name : registry.arn("secretsmanager", "secret:\(name)")
    }
}

/// The members that nearly all Secrets Manager operations have.
extension AWSCall {
    /// `SecretId`: a name, an ARN, or an ARN without its last six characters.
    func secretName() throws -> String { try input.string("SecretId", length: 1...2_048) }

    /// `SecretString` or `SecretBinary`; nil where there is neither.
    func secretValue() throws -> SecretValue? {
        // The service checks the length in bytes. Here only malformed values are refused, and not repeated.
        let text = try input.optionalString("SecretString", nul: .accepted)
        let binary = try input.optionalBlob("SecretBinary")
        switch (text, binary) {
        case (.some, .some):
            throw Refusal(
                .invalidParameter,
                "You can't specify both a binary secret value and a string secret value in the same secret.")
        case (let text?, nil): return .text(text)
        case (nil, let binary?): return .binary(binary)
        case (nil, nil): return nil
        }
    }

    /// `Type` says that the secret is a partner's, who rotates it. This server has no such secrets: one that was made without the
    /// type would only look like one.
    func refuseManagedType() throws {
        guard let type = try input.optionalString("Type", length: 0...256), !type.isEmpty else { return }
        throw Refusal(.unsupported, "Type is not supported: this server has no managed external secrets.")
    }

    func requestToken() throws -> String? { try input.optionalString("ClientRequestToken", length: 32...64) }

    /// A list of `{Key, Value}`.
    func secretTags() throws -> [ResourceTag]? {
        try input.optionalObjects("Tags")?.map { tag in
            ResourceTag(
                key: try tag.string("Key", length: 1...128),
                value: try tag.optionalString("Value", length: 0...256) ?? "")
        }
    }
}

extension JSONValue {
    /// The members of a secret in nearly every answer.
    static func about(_ secret: Secret) -> JSONValue {
        ["ARN": .string(secret.arn), "Name": .string(secret.name)]
    }

    static func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

    /// A secret without its values. Describing and listing name the stages' member differently.
    static func detail(_ detail: SecretDetail, stagesAs member: String) -> JSONValue {
        let secret = detail.secret
        var stages: [String: JSONValue] = [:]
        for version in detail.versions where !version.stages.isEmpty { stages[version.id] = .strings(version.stages) }
        let tags = detail.tags.map { JSONValue.object(["Key": .string($0.key), "Value": .string($0.value)]) }
        return about(secret).adding([
            "Description": secret.description.map { .string($0) },
            "KmsKeyId": secret.kmsKey.map { .string($0) },
            "CreatedDate": .timestamp(secret.createdAt),
            "LastChangedDate": .timestamp(secret.changedAt),
            "LastAccessedDate": secret.accessedAt.map { .timestamp($0) },
            "DeletedDate": secret.deletionAt.map { .timestamp($0) },
            // As in Secrets Manager: empty where the last tag was removed, absent where there never was one.
            "Tags": detail.wasTagged ? .array(tags) : nil,
            member: stages.isEmpty ? nil : .object(stages),
        ])
    }
}
