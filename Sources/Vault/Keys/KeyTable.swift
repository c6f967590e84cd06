import WeirCore

/// The rows of `kms_key`.
enum KeyTable {
    private static let columns = """
        account, region, id, state, description, manager, policy, rotation_days, next_rotation_at, created_at, deletion_at, \
        material, revision, policy_pins
        """

    static func all(_ sql: any SQLConnection) throws -> [KMSKey] {
        try sql.rows("SELECT \(columns) FROM kms_key", []).map(key)
    }

    static func find(_ id: String, in registry: RegistryID, _ sql: any SQLConnection) throws -> KMSKey? {
        try sql.rows(
            "SELECT \(columns) FROM kms_key WHERE account = $1 AND region = $2 AND id = $3",
            registry.columns + [.text(id)]
        ).first.map(key)
    }

    static func page(
        in registry: RegistryID, after id: String, limit: Int, _ sql: any SQLConnection
    ) throws -> [KMSKey] {
        try sql.rows(
            """
            SELECT \(columns) FROM kms_key WHERE account = $1 AND region = $2 AND id > $3 ORDER BY id LIMIT $4
            """,
            registry.columns + [.text(id), .integer(limit)]
        ).map(key)
    }

    /// Keys whose deletion date has come.
    static func deletable(at now: Timestamp, _ sql: any SQLConnection) throws -> [KMSKey] {
        try sql.rows(
            "SELECT \(columns) FROM kms_key WHERE state = $1 AND deletion_at <= $2",
            [.text(KMSKey.State.pendingDeletion.rawValue), .timestamp(now)]
        ).map(key)
    }

    /// Enabled keys whose next rotation has come. Others wait until they are enabled again.
    static func rotatable(at now: Timestamp, _ sql: any SQLConnection) throws -> [KMSKey] {
        try sql.rows(
            "SELECT \(columns) FROM kms_key WHERE state = $1 AND next_rotation_at <= $2",
            [.text(KMSKey.State.enabled.rawValue), .timestamp(now)]
        ).map(key)
    }

    static func insert(_ key: KMSKey, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO kms_key (\(columns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            """,
            key.columns + [
                .text(key.state.rawValue), .text(key.description), .text(key.manager.rawValue), .text(key.policy),
                days(key), .timestamp(key.rotation?.next), .timestamp(key.createdAt), .timestamp(key.deletionAt),
                .integer(key.material), .integer(key.revision), .text(key.pins.stored),
            ])
    }

    /// Writes what may change of a key.
    static func update(_ key: KMSKey, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            UPDATE kms_key SET state = $1, description = $2, policy = $3, rotation_days = $4, next_rotation_at = $5,
                deletion_at = $6, material = $7, revision = $8, policy_pins = $9
            WHERE account = $10 AND region = $11 AND id = $12
            """,
            [
                .text(key.state.rawValue), .text(key.description), .text(key.policy), days(key),
                .timestamp(key.rotation?.next), .timestamp(key.deletionAt), .integer(key.material),
                .integer(key.revision), .text(key.pins.stored),
            ] + key.columns)
    }

    static func delete(_ key: KMSKey, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM kms_key WHERE account = $1 AND region = $2 AND id = $3", key.columns)
    }

    private static func days(_ key: KMSKey) -> SQLValue {
        key.rotation.map { .integer($0.days) } ?? .null
    }

    private static func key(_ row: SQLRow) throws -> KMSKey {
        guard let state = KMSKey.State(rawValue: try row.text(3)),
            let manager = KMSKey.Manager(rawValue: try row.text(5))
        else { throw NameError("row of the key", try row.text(2), "has a state or manager that this version does not know") }
        var rotation: KMSKey.Rotation?
        if let days = try row.optionalInteger(7), let next = try row.optionalTimestamp(8) {
            rotation = KMSKey.Rotation(days: Int(days), next: next)
        }
        return KMSKey(
            id: try row.text(2),
            registry: try row.registry(0),
            state: state, description: try row.text(4), manager: manager, policy: try row.text(6),
            pins: PolicyPins(stored: try row.optionalText(13)), rotation: rotation,
            createdAt: try row.timestamp(9), deletionAt: try row.optionalTimestamp(10), material: try row.integer(11),
            revision: try row.integer(12))
    }
}

extension KMSKey {
    /// The columns that name it: `account`, `region` and, in `kms_key`, `id`, elsewhere `key`.
    var columns: [SQLValue] { registry.columns + [.text(id)] }
}
