package import WeirCore
package import WeirRegistry
package import WeirVault

/// The table of the Secrets Manager API: a row for each operation of botocore's model, also for those that this server does not
/// have.
package enum SecretsOperations {
    package static func table(
        secrets: Secrets, access: Access, principals: any PrincipalPolicies
    ) -> [AWSOperation] {
        SecretOperations(secrets: secrets).table
            + SecretValueOperations(secrets: secrets).table
            + SecretListOperations(secrets: secrets).table
            + SecretBatchOperations(secrets: secrets, access: access).table
            + SecretPolicyOperations(secrets: secrets, principals: principals).table
            + PasswordOperations().table
            + notYet.map(refused)
    }

    /// Operations that this server does not have: refused, so that no client tries again.
    package static let notYet = [
        "CancelRotateSecret", "RemoveRegionsFromReplication", "ReplicateSecretToRegions", "RotateSecret",
        "StopReplicationToReplica",
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
    static let secret = reading { call, action in
        [AccessDemand(action, on: .secret(try call.secretName(), in: call.registry), facts: try call.secretFacts())]
    }

    /// A new secret, by its name: its ARN ends in six characters that are not drawn yet, and policies have `??????` for them.
    static let newSecret = reading { call, action in
        let name = try call.input.string("Name", length: 1...512)
        let tags = try call.secretTags() ?? []
        let facts = try call.secretFacts().merging(["secretsmanager:Name": [name]]) { _, new in new }
        // With a key of the customer's, the caller seals with it.
        let key = try call.input.optionalString("KmsKeyId", length: 0...2_048).flatMap { $0.isEmpty ? nil : $0 }
        return [AccessDemand(action, on: .secret(name, in: call.registry), facts: facts)]
            + (tags.isEmpty
                ? [] : [AccessDemand("secretsmanager:TagResource", on: .secret(name, in: call.registry), facts: facts)])
            + call.sealing(key)
    }

    /// All secrets; with filters, which select them, a list of them too. The values are asked for one by one.
    static let secrets = reading { call, action in
        (call.input.has("Filters") ? [action, "secretsmanager:ListSecrets"] : [action]).map {
            AccessDemand($0, on: .own("*", in: call.registry))
        }
    }

    /// A changed secret, and the key that it gets.
    static let changedSecret = reading { call, action in
        let key = try call.input.optionalString("KmsKeyId", length: 0...2_048).flatMap { $0.isEmpty ? nil : $0 }
        return [AccessDemand(action, on: .secret(try call.secretName(), in: call.registry), facts: try call.secretFacts())]
            + call.sealing(key)
    }
}

extension AWSCall {
    /// The condition keys of a call about a secret.
    fileprivate func secretFacts() throws -> [String: [String]] {
        var facts = Access.facts(giving: try secretTags() ?? [])
        if facts["aws:TagKeys"]?.isEmpty == true { facts["aws:TagKeys"] = try input.optionalStrings("TagKeys") ?? [] }
        for member in ["VersionId", "VersionStage", "KmsKeyId"] {
            if let value = try input.optionalString(member, length: 0...2_048) { facts["secretsmanager:\(member)"] = [value] }
        }
        if let blocks = try input.optionalBool("BlockPublicPolicy") {
            facts["secretsmanager:BlockPublicPolicy"] = [blocks ? "true" : "false"]
        }
        return facts
    }

    /// What Secrets Manager does with a customer's key in the caller's name.
    fileprivate func sealing(_ key: String?) -> [AccessDemand] {
        guard let key, !key.hasSuffix("alias/aws/secretsmanager") else { return [] }
        return ["kms:GenerateDataKey", "kms:Decrypt"].map {
            AccessDemand($0, on: .key(KeyDemand(.named(key), in: registry)), via: "secretsmanager")
        }
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
