import WeirCore

/// The rows of `repository` and `resource_tag`.
enum RepositoryTable {
    struct Row {
        var repository: Repository
        var sealedKey: [UInt8]
        var policy: String?
        /// The users and roles that the policy names.
        var pins: PolicyPins
        var lifecyclePolicy: String?
    }

    private static let columns = """
        SELECT id, name, created_at, mutability, exclusions, scan_on_push, encryption, kms_key, sealed_key, policy,
            lifecycle_policy, policy_pins, key_grant_revoked FROM repository WHERE account = $1 AND region = $2
        """

    static func find(_ name: RepositoryName, in registry: RegistryID, _ sql: any SQLConnection) throws -> Row? {
        try sql.rows(columns + " AND name = $3", registry.columns + [.text(name.description)])
            .first.map { try read($0, registry) }
    }

    /// Throws `Refusal.repositoryNotFound` where there is none.
    static func existing(_ name: RepositoryName, in registry: RegistryID, _ sql: any SQLConnection) throws -> Row {
        guard let row = try find(name, in: registry, sql) else { throw Refusal.repositoryNotFound(name, in: registry) }
        return row
    }

    /// A page of repositories, by name: those after `name`.
    static func list(
        in registry: RegistryID, after name: String?, limit: Int, _ sql: any SQLConnection
    ) throws -> [Row] {
        try sql.rows(
            columns + " AND name > $3 ORDER BY name LIMIT $4",
            registry.columns + [.text(name ?? ""), .integer(limit)]
        ).map { try read($0, registry) }
    }

    /// How many repositories each account has, in all regions.
    static func counts(_ sql: any SQLConnection) throws -> [AccountID: Int64] {
        try sql.rows("SELECT account, COUNT(*) FROM repository GROUP BY account", []).reduce(into: [:]) { counts, row in
            counts[try AccountID(row.text(0))] = try row.integer(1)
        }
    }

    /// True if the registry holds more than `limit` repositories. Counts no further than that.
    static func holdsMore(than limit: Int, in registry: RegistryID, _ sql: any SQLConnection) throws -> Bool {
        try !sql.rows(
            "SELECT 1 FROM repository WHERE account = $1 AND region = $2 LIMIT 1 OFFSET $3",
            registry.columns + [.integer(limit)]
        ).isEmpty
    }

    /// Throws an `SQLError` that `isUnique` where the name is taken.
    static func insert(_ new: NewRepository, _ sql: any SQLConnection) throws {
        let repository = new.repository
        try sql.execute(
            """
            INSERT INTO repository (id, account, region, name, created_at, mutability, exclusions, scan_on_push,
                encryption, kms_key, sealed_key, policy, lifecycle_policy, policy_pins)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            """,
            [.integer(repository.id)] + repository.registry.columns + [
                .text(repository.name.description), .timestamp(repository.createdAt),
                .text(repository.mutability.setting.rawValue),
                .text(try StoredJSON.text(repository.mutability.exclusions)), .flag(repository.scanOnPush),
                .text(repository.encryption.type), .text(repository.encryption.keyARN), .bytes(new.sealedKey),
                .text(new.policy), .text(new.lifecyclePolicy), .text(new.pins.stored),
            ])
        for tag in new.tags { try put(tag, on: repository.id, sql) }
    }

    static func remove(_ id: Int64, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM repository WHERE id = $1", [.integer(id)])
    }

    /// The repository as it is now: what a transaction decides, it decides by this one. Throws `Refusal.repositoryNotFound`
    /// where it was deleted since `repository` was read.
    static func current(_ repository: Repository, _ sql: any SQLConnection) throws -> Repository {
        guard let row = try find(repository.name, in: repository.registry, sql), row.repository.id == repository.id else {
            throw Refusal.repositoryNotFound(repository.name, in: repository.registry)
        }
        return row.repository
    }

    static func holdsImages(_ id: Int64, _ sql: any SQLConnection) throws -> Bool {
        try !sql.rows("SELECT 1 FROM image WHERE repository = $1 LIMIT 1", [.integer(id)]).isEmpty
    }

    static func set(_ mutability: TagMutability, of id: Int64, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE repository SET mutability = $1, exclusions = $2 WHERE id = $3",
            [.text(mutability.setting.rawValue), .text(try StoredJSON.text(mutability.exclusions)), .integer(id)])
    }

    static func set(scanOnPush: Bool, of id: Int64, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE repository SET scan_on_push = $1 WHERE id = $2", [.flag(scanOnPush), .integer(id)])
    }

    static func set(policy: String?, _ pins: PolicyPins = .none, of id: Int64, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE repository SET policy = $1, policy_pins = $2 WHERE id = $3",
            [.text(policy), .text(pins.stored), .integer(id)])
    }

    /// A page of the repositories that may use a KMS key, by name. A key's ARN may stand there in the form of another partition.
    static func sealed(
        under keyARN: String, in registry: RegistryID, after name: String?, limit: Int, _ sql: any SQLConnection
    ) throws -> [Repository] {
        try sql.rows(
            columns + " AND key_grant_revoked = 0 AND kms_key IN ($3, $4) AND name > $5 ORDER BY name LIMIT $6",
            registry.columns + [
                .text(keyARN), .text(RegistryID.formerARN(keyARN)), .text(name ?? ""), .integer(limit),
            ]
        ).map { try read($0, registry).repository }
    }

    static func revokeKeyGrant(of id: Int64, _ sql: any SQLConnection) throws {
        try sql.execute("UPDATE repository SET key_grant_revoked = 1 WHERE id = $1", [.integer(id)])
    }

    static func set(lifecyclePolicy: String?, of id: Int64, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE repository SET lifecycle_policy = $1, lifecycle_evaluated_at = NULL WHERE id = $2",
            [.text(lifecyclePolicy), .integer(id)])
    }

    /// Records that the lifecycle policy was carried out.
    static func setEvaluated(_ repository: Int64, at now: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE repository SET lifecycle_evaluated_at = $1 WHERE id = $2",
            [.timestamp(now), .integer(repository)])
    }

    // MARK: - Resource tags

    static func tags(of id: Int64, _ sql: any SQLConnection) throws -> [ResourceTag] {
        try sql.rows("SELECT key, value FROM resource_tag WHERE repository = $1 ORDER BY key", [.integer(id)])
            .map { ResourceTag(key: try $0.text(0), value: try $0.text(1)) }
    }

    static func put(_ tag: ResourceTag, on id: Int64, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO resource_tag (repository, key, value) VALUES ($1, $2, $3)
            ON CONFLICT (repository, key) DO UPDATE SET value = excluded.value
            """,
            [.integer(id), .text(tag.key), .text(tag.value)])
    }

    static func removeTag(_ key: String, from id: Int64, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM resource_tag WHERE repository = $1 AND key = $2", [.integer(id), .text(key)])
    }

    private static func read(_ row: SQLRow, _ registry: RegistryID) throws -> Row {
        let setting = try row.text(3)
        guard let mutability = TagMutability.Setting(rawValue: setting) else {
            throw StoredValueError(column: "repository.mutability", value: setting)
        }
        let exclusions: [String] = try StoredJSON.read(try row.text(4))
        var repository = Repository(
            id: try row.integer(0), registry: registry, name: try RepositoryName(try row.text(1)),
            createdAt: try row.timestamp(2), mutability: TagMutability(mutability, excluding: exclusions),
            scanOnPush: try row.flag(5),
            encryption: try row.optionalText(7).map { .kms(keyARN: $0) } ?? .aes256)
        repository.isKeyGrantRevoked = try row.flag(12)
        return Row(
            repository: repository, sealedKey: try row.bytes(8), policy: try row.optionalText(9),
            pins: PolicyPins(stored: try row.optionalText(11)), lifecyclePolicy: try row.optionalText(10))
    }
}

/// A column holds a word that this version does not know, since a newer one wrote it.
struct StoredValueError: Error, CustomStringConvertible {
    let column: String
    let value: String

    var description: String { "the column \(column) holds '\(value)', which this version does not know" }
}
