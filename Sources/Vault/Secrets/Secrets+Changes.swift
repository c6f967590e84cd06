package import WeirCore

extension Secrets {
    /// The changes to a secret; nil leaves a property as it is.
    package struct Change: Sendable {
        package var description: String?
        package var kmsKey: String?
        package var value: SecretValue?
        package var token: String?

        package init(
            description: String? = nil, kmsKey: String? = nil, value: SecretValue? = nil, token: String? = nil
        ) {
            self.description = description
            self.kmsKey = kmsKey
            self.value = value
            self.token = token
        }
    }

    /// Changes a secret's properties and, if a value is given, adds a version that becomes the current one. Returns that
    /// version's id.
    ///
    /// A new key reseals the versions that have a stage; deprecated versions stay as they are.
    package func update(
        _ name: String, in registry: RegistryID, _ change: Change
    ) async throws -> (secret: Secret, version: String?) {
        try change.value?.checkSize()
        let reference = try SecretReference(name, in: registry)
        let (now, due) = (clock.now, try await settle())
        let token = change.token ?? Self.newToken()
        var wanted = try await find(reference)
        try wanted.checkNotDeleted()
        if let key = change.kmsKey { wanted.kmsKey = key.isEmpty ? nil : key }
        let draft = try await draft(change.value, of: wanted, token: token, at: now)
        let newKey = change.kmsKey == nil ? nil : try await kmsKeyARN(wanted.kmsKey, in: registry)
        return try await database.write { [seal] sql in
            var secret = try reference.require(at: due, sql)
            try secret.checkNotDeleted()
            secret.changedAt = now
            if let description = change.description { secret.description = description.isEmpty ? nil : description }
            if let newKey {
                secret.kmsKey = change.kmsKey.flatMap { $0.isEmpty ? nil : $0 }
                try Self.reseal(secret, under: newKey, seal, sql)
            }
            try SecretTable.update(secret, sql)
            guard let value = change.value, let draft else { return (secret, nil) }
            if try !Self.isRepeated(value, token: token, of: secret, seal, sql) {
                try Self.add(draft, stages: [], to: secret, at: due, sql)
            }
            return (secret, token)
        }
    }

    private static func reseal(
        _ secret: Secret, under key: String, _ seal: SecretSeal, _ sql: any SQLConnection
    ) throws {
        for version in Set(try SecretVersionTable.stages(of: secret.arn, sql).map(\.version)) {
            guard let row = try SecretVersionTable.find(version, of: secret.arn, sql), row.kmsKeyARN != key else {
                continue
            }
            let value = try seal.open(row, of: secret)
            let sealed = try seal.seal(value, under: key, of: secret.arn, version: version)
            try SecretVersionTable.reseal(
                .init(id: version, kmsKeyARN: key, sealed: sealed, createdAt: row.createdAt), of: secret.arn, sql)
        }
    }

    package enum Recovery: Sendable {
        /// At once: it cannot be restored.
        case none
        case days(Int)
    }

    /// Deletes a secret: with a recovery window it can be restored for that many days, else it is destroyed now.
    package func delete(_ name: String, in registry: RegistryID, recovery: Recovery) async throws -> Secret {
        let reference = try SecretReference(name, in: registry)
        let (now, due) = (clock.now, try await settle())
        let deleted = try await database.write { sql in
            guard var secret = try reference.find(at: due, sql) else {
                guard case .none = recovery else { throw Refusal.secretMissing }
                // An invalid name cannot be a repeated request: no secret ever had it.
                try SecretName.check(reference.name)
                // Secrets Manager succeeds here, with a made-up ARN, so that scripts can repeat the call.
                return Secret(
                    arn: reference.arn ?? SecretName.newARN(for: reference.name, in: registry), registry: registry,
                    name: reference.name, createdAt: now, changedAt: now, deletionAt: now)
            }
            switch recovery {
            case .none:
                try SecretTable.delete(secret, sql)
                secret.deletionAt = now
            case .days(let days):
                guard secret.deletionAt == nil else {
                    throw Refusal(
                        .secretInvalidRequest,
                        "You can't perform this operation on the secret because it was already scheduled for deletion.")
                }
                secret.deletionAt = now + .days(days)
                try SecretTable.update(secret, sql)
            }
            return secret
        }
        if case .none = recovery { await database.scrub() }
        return deleted
    }

    package func restore(_ name: String, in registry: RegistryID) async throws -> Secret {
        try await change(name, in: registry, deleted: .allowed) { secret, sql in
            secret.deletionAt = nil
            try SecretTable.update(secret, sql)
        }
    }

    package func tag(_ name: String, in registry: RegistryID, with tags: [ResourceTag]) async throws {
        try SecretTags.check(tags)
        _ = try await change(name, in: registry, deleted: .refused) { secret, sql in
            try SecretTable.put(tags, of: secret.arn, sql)
            guard try SecretTable.tags(of: secret.arn, sql).count <= SecretTags.limit else {
                throw Refusal.tooManySecretTags
            }
        }
    }

    package func untag(_ name: String, in registry: RegistryID, _ keys: [String]) async throws {
        _ = try await change(name, in: registry, deleted: .refused) { secret, sql in
            try SecretTable.removeTags(keys, of: secret.arn, sql)
        }
    }

    /// Moves a stage to another version, or removes it. `source` must be the version that has the stage now, if any has it.
    package func move(
        stage: String, of name: String, in registry: RegistryID, from source: String?, to target: String?
    ) async throws -> Secret {
        guard source != nil || target != nil else {
            throw Refusal(
                .invalidParameter,
                "You must provide MoveToVersionId, RemoveFromVersionId or both: without them nothing is to be done.")
        }
        let now = clock.now
        return try await change(name, in: registry, deleted: .refused) { secret, sql in
            let holder = try SecretVersionTable.stages(of: secret.arn, sql).first { $0.name == stage }?.version
            guard holder == source || (holder == target && source == nil) else {
                throw Refusal(
                    .invalidParameter,
                    "The parameter RemoveFromVersionId must be the version that staging label \(stage) is attached to now.")
            }
            if let target {
                guard try SecretVersionTable.find(target, of: secret.arn, sql) != nil else {
                    throw Refusal.versionMissing(id: target)
                }
                try SecretVersionTable.attach(stage, to: target, of: secret.arn, sql)
            } else {
                guard stage != SecretVersion.current else {
                    throw Refusal(.invalidParameter, "You can't remove the staging label AWSCURRENT: move it to another version.")
                }
                try SecretVersionTable.detach(stage, of: secret.arn, sql)
            }
            secret.changedAt = now
            try SecretTable.update(secret, sql)
        }
    }

    enum Deleted { case allowed, refused }

    func change(
        _ name: String, in registry: RegistryID, deleted: Deleted,
        _ edit: @escaping @Sendable (inout Secret, any SQLConnection) throws -> Void
    ) async throws -> Secret {
        let reference = try SecretReference(name, in: registry)
        let due = try await settle()
        return try await database.write { sql in
            var secret = try reference.require(at: due, sql)
            if deleted == .refused { try secret.checkNotDeleted() }
            try edit(&secret, sql)
            return secret
        }
    }
}

extension Refusal {
    static func versionMissing(id: String) -> Self {
        Refusal(
            .secretResourceNotFound, "Secrets Manager can't find the specified secret value for VersionId: \(id)")
    }
    static func versionMissing(stage: String) -> Self {
        Refusal(
            .secretResourceNotFound,
            "Secrets Manager can't find the specified secret value for staging label: \(stage)")
    }
}
