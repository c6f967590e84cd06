package import WeirCore

extension Secrets {
    /// A value with its secret and version.
    package struct Told: Sendable {
        package let secret: Secret
        package let versionID: String
        package let createdAt: Timestamp
        package let stages: [String]
        package let value: SecretValue
    }

    /// The value of a version, found by its id, by a stage, or by both, which must then agree. Without either: the current
    /// version.
    package func value(
        of name: String, in registry: RegistryID, version: String? = nil, stage: String? = nil
    ) async throws -> Told {
        let reference = try SecretReference(name, in: registry)
        let (now, due) = (clock.now, clock.due)
        let (secret, row, stages) = try await database.read { sql in
            let secret = try reference.require(at: due, sql)
            try secret.checkNotDeleted()
            let row = try Self.version(version, stage: stage, of: secret, sql)
            return (secret, row, try SecretVersionTable.stages(of: secret.arn, version: row.id, sql))
        }
        let value = try seal.open(row, of: secret)
        // Recorded to the day, so that a secret that is read often costs one write a day.
        let day = now.startOfDay
        if row.accessedAt != day {
            try await database.write { sql in try SecretVersionTable.touch(row.id, of: secret.arn, at: day, sql) }
        }
        return Told(secret: secret, versionID: row.id, createdAt: row.createdAt, stages: stages, value: value)
    }

    private static func version(
        _ id: String?, stage: String?, of secret: Secret, _ sql: any SQLConnection
    ) throws -> SecretVersionTable.Row {
        guard let id else {
            let stage = stage ?? SecretVersion.current
            guard let row = try SecretVersionTable.find(stage: stage, of: secret.arn, sql) else {
                throw Refusal.versionMissing(stage: stage)
            }
            return row
        }
        guard let row = try SecretVersionTable.find(id, of: secret.arn, sql) else { throw Refusal.versionMissing(id: id) }
        if let stage, try !SecretVersionTable.stages(of: secret.arn, version: id, sql).contains(stage) {
            throw Refusal(
                .secretInvalidRequest,
                "You provided a VersionStage that is not associated to the provided VersionId.")
        }
        return row
    }

    /// Includes deleted secrets that can still be restored.
    package func describe(_ name: String, in registry: RegistryID) async throws -> SecretDetail {
        let reference = try SecretReference(name, in: registry)
        let due = clock.due
        return try await database.read { sql in try Self.detail(of: reference.require(at: due, sql), sql) }
    }

    static func detail(of secret: Secret, _ sql: any SQLConnection) throws -> SecretDetail {
        SecretDetail(
            secret: secret, tags: try SecretTable.tags(of: secret.arn, sql),
            wasTagged: try SecretTable.wasTagged(secret.arn, sql),
            versions: try SecretVersionTable.all(of: secret.arn, sql))
    }

    package enum Deprecated: Sendable { case listed, leftOut }

    /// A page of a secret's versions, the newest first.
    package func versions(
        of name: String, in registry: RegistryID, deprecated: Deprecated, after place: String?, limit: Int
    ) async throws -> (secret: Secret, page: VaultPage<SecretVersion>) {
        let detail = try await describe(name, in: registry)
        var versions = detail.versions
        if deprecated == .leftOut { versions.removeAll { $0.stages.isEmpty } }
        if let place {
            guard let index = versions.firstIndex(where: { $0.id == place }) else { throw Refusal.nextTokenInvalid }
            versions.removeFirst(index + 1)
        }
        return (detail.secret, VaultPage(of: versions, limit: limit) { $0.id })
    }
}

extension Refusal {
    static let nextTokenInvalid = Refusal(.secretInvalidNextToken, "The NextToken value is invalid.")
}

extension Timestamp {
    /// The last midnight, UTC.
    var startOfDay: Timestamp {
        let day: Int64 = 86_400_000_000
        return Timestamp(microseconds: microseconds / day * day)
    }
}
