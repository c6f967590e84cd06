import WeirCore

/// The rows of `secret` and `secret_tag`. A secret whose deletion date has come is not found, even before `sweep` deletes its
/// row.
enum SecretTable {
    private static let columns = """
        arn, account, region, name, description, kms_key, created_at, changed_at, accessed_at, deletion_at
        """
    private static let readColumns = columns + ", policy, policy_pins"

    static func find(arn: String, at now: Timestamp, _ sql: any SQLConnection) throws -> Secret? {
        try sql.rows(
            "SELECT \(readColumns) FROM secret WHERE arn = $1 AND (deletion_at IS NULL OR deletion_at > $2)",
            [.text(arn), .timestamp(now)]
        ).first.map(secret)
    }

    static func find(
        name: String, in registry: RegistryID, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Secret? {
        try sql.rows(
            """
            SELECT \(readColumns) FROM secret WHERE account = $1 AND region = $2 AND name = $3
                AND (deletion_at IS NULL OR deletion_at > $4)
            """,
            registry.columns + [.text(name), .timestamp(now)]
        ).first.map(secret)
    }

    static func all(in registry: RegistryID, at now: Timestamp, _ sql: any SQLConnection) throws -> [Secret] {
        try sql.rows(
            """
            SELECT \(readColumns) FROM secret WHERE account = $1 AND region = $2 AND (deletion_at IS NULL OR deletion_at > $3)
            """,
            registry.columns + [.timestamp(now)]
        ).map(secret)
    }

    /// False where the name is taken.
    static func insert(_ secret: Secret, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            """
            INSERT INTO secret (\(columns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (account, region, name) DO NOTHING
            """,
            [.text(secret.arn)] + secret.registry.columns + [
                .text(secret.name), .text(secret.description), .text(secret.kmsKey), .timestamp(secret.createdAt),
                .timestamp(secret.changedAt), .timestamp(secret.accessedAt), .timestamp(secret.deletionAt),
            ]) == 1
    }

    static func update(_ secret: Secret, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            UPDATE secret SET description = $1, kms_key = $2, changed_at = $3, accessed_at = $4, deletion_at = $5
            WHERE arn = $6
            """,
            [
                .text(secret.description), .text(secret.kmsKey), .timestamp(secret.changedAt),
                .timestamp(secret.accessedAt), .timestamp(secret.deletionAt), .text(secret.arn),
            ])
    }

    static func setPolicy(of secret: Secret, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE secret SET policy = $1, policy_pins = $2 WHERE arn = $3",
            [.text(secret.policy), .text(secret.pins.stored), .text(secret.arn)])
    }

    /// Records that its value was read.
    static func touch(_ arn: String, at day: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute("UPDATE secret SET accessed_at = $1 WHERE arn = $2", [.timestamp(day), .text(arn)])
    }

    static func delete(_ secret: Secret, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM secret WHERE arn = $1", [.text(secret.arn)])
    }

    /// Destroys the secrets whose deletion date has come; tells how many.
    @discardableResult
    static func sweep(at due: Timestamp, _ sql: any SQLConnection) throws -> Int {
        try sql.execute("DELETE FROM secret WHERE deletion_at <= $1", [.timestamp(due)])
    }

    /// Whether `sweep` would destroy any.
    static func hasDue(at due: Timestamp, _ sql: any SQLConnection) throws -> Bool {
        try !sql.rows("SELECT 1 FROM secret WHERE deletion_at <= $1 LIMIT 1", [.timestamp(due)]).isEmpty
    }

    // MARK: - Tags

    static func tags(of arn: String, _ sql: any SQLConnection) throws -> [ResourceTag] {
        try sql.rows("SELECT key, value FROM secret_tag WHERE secret = $1 ORDER BY key", [.text(arn)])
            .map { row in ResourceTag(key: try row.text(0), value: try row.text(1)) }
    }

    /// Whether the secret has tags, or had some that are gone.
    static func wasTagged(_ arn: String, _ sql: any SQLConnection) throws -> Bool {
        try !sql.rows("SELECT 1 FROM secret WHERE arn = $1 AND once_tagged = 1", [.text(arn)]).isEmpty
    }

    static func put(_ tags: [ResourceTag], of arn: String, _ sql: any SQLConnection) throws {
        guard !tags.isEmpty else { return }
        try sql.execute("UPDATE secret SET once_tagged = 1 WHERE arn = $1", [.text(arn)])
        for tag in tags {
            try sql.execute(
                """
                INSERT INTO secret_tag (secret, key, value) VALUES ($1, $2, $3)
                ON CONFLICT (secret, key) DO UPDATE SET value = excluded.value
                """, [.text(arn), .text(tag.key), .text(tag.value)])
        }
    }

    static func removeTags(_ keys: [String], of arn: String, _ sql: any SQLConnection) throws {
        for key in keys {
            try sql.execute("DELETE FROM secret_tag WHERE secret = $1 AND key = $2", [.text(arn), .text(key)])
        }
    }

    private static func secret(_ row: SQLRow) throws -> Secret {
        Secret(
            arn: try row.text(0),
            registry: try row.registry(1),
            name: try row.text(3), description: try row.optionalText(4), kmsKey: try row.optionalText(5),
            createdAt: try row.timestamp(6), changedAt: try row.timestamp(7),
            accessedAt: try row.optionalTimestamp(8), deletionAt: try row.optionalTimestamp(9), policy: try row.optionalText(10),
            pins: PolicyPins(stored: try row.optionalText(11)))
    }
}
