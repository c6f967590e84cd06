import WeirCore
import WeirVault

/// Secrets: create, describe, update, delete, restore and tag.
struct SecretOperations: Sendable {
    let secrets: Secrets

    var table: [AWSOperation] {
        [
            AWSOperation(.secretsmanager, "CreateSecret", may: .newSecret, create),
            AWSOperation(.secretsmanager, "DescribeSecret", may: .secret, describe),
            AWSOperation(.secretsmanager, "UpdateSecret", may: .changedSecret, update),
            AWSOperation(.secretsmanager, "DeleteSecret", may: .secret, delete),
            AWSOperation(.secretsmanager, "RestoreSecret", may: .secret, restore),
            AWSOperation(.secretsmanager, "TagResource", may: .secret, tag),
            AWSOperation(.secretsmanager, "UntagResource", may: .secret, untag),
        ]
    }

    private func create(_ call: AWSCall) async throws -> JSONValue {
        try call.refuseManagedType()
        _ = try call.input.optionalBool("ForceOverwriteReplicaSecret")
        if try call.input.optionalObjects("AddReplicaRegions")?.isEmpty == false {
            throw Refusal(.unsupported, "AddReplicaRegions is not supported: this server does not replicate secrets.")
        }
        let new = Secrets.New(
            name: try call.input.string("Name", length: 1...512),
            description: try call.input.optionalString("Description", length: 0...2_048).flatMap { $0.isEmpty ? nil : $0 },
            kmsKey: try call.input.optionalString("KmsKeyId", length: 0...2_048).flatMap { $0.isEmpty ? nil : $0 },
            value: try call.secretValue(), token: try call.requestToken(), tags: try call.secretTags() ?? [])
        let (secret, version) = try await secrets.create(new, in: call.registry)
        return JSONValue.about(secret).adding(["VersionId": version.map { .string($0) }])
    }

    private func describe(_ call: AWSCall) async throws -> JSONValue {
        .detail(
            try await secrets.describe(call.secretName(), in: call.registry), stagesAs: "VersionIdsToStages")
    }

    private func update(_ call: AWSCall) async throws -> JSONValue {
        try call.refuseManagedType()
        let change = Secrets.Change(
            description: try call.input.optionalString("Description", length: 0...2_048),
            kmsKey: try call.input.optionalString("KmsKeyId", length: 0...2_048), value: try call.secretValue(),
            token: try call.requestToken())
        let (secret, version) = try await secrets.update(call.secretName(), in: call.registry, change)
        return JSONValue.about(secret).adding(["VersionId": version.map { .string($0) }])
    }

    private func delete(_ call: AWSCall) async throws -> JSONValue {
        let isForced = try call.input.optionalBool("ForceDeleteWithoutRecovery") ?? false
        let days = try call.input.optionalInteger("RecoveryWindowInDays").map { Int(clamping: $0) }
        if isForced, days != nil {
            throw Refusal(
                .invalidParameter,
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
        }
        if let days, !Secrets.recoveryDaysAllowed.contains(days) {
            throw Refusal(
                .invalidParameter, "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
        }
        let recovery: Secrets.Recovery = isForced ? .none : .days(days ?? Secrets.recoveryDaysAllowed.upperBound)
        let secret = try await secrets.delete(call.secretName(), in: call.registry, recovery: recovery)
        return JSONValue.about(secret).adding(["DeletionDate": secret.deletionAt.map { .timestamp($0) }])
    }

    private func restore(_ call: AWSCall) async throws -> JSONValue {
        .about(try await secrets.restore(call.secretName(), in: call.registry))
    }

    private func tag(_ call: AWSCall) async throws -> JSONValue {
        let tags = try call.input.required("Tags", try call.secretTags())
        try await secrets.tag(call.secretName(), in: call.registry, with: tags)
        return [:]
    }

    private func untag(_ call: AWSCall) async throws -> JSONValue {
        let keys = try call.input.strings("TagKeys", length: 1...128)
        try await secrets.untag(call.secretName(), in: call.registry, keys)
        return [:]
    }
}
