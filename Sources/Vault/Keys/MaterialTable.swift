import WeirCore

/// The rows of `kms_material`.
enum MaterialTable {
    struct Row: Sendable {
        let version: Int64
        let sealed: [UInt8]
    }

    /// A key's versions, the oldest first. The first came with the key; each other one with a rotation.
    static func rotations(of key: KMSKey, _ sql: any SQLConnection) throws -> [KMSKey.Material] {
        try sql.rows(
            """
            SELECT version, created_at, on_demand FROM kms_material WHERE account = $1 AND region = $2 AND key = $3 ORDER BY version
            """,
            key.columns
        ).map { row in
            KMSKey.Material(
                version: try row.integer(0), createdAt: try row.timestamp(1), isOnDemand: try row.integer(2) != 0)
        }
    }

    static func all(of key: KMSKey, _ sql: any SQLConnection) throws -> [Row] {
        try sql.rows(
            "SELECT version, sealed FROM kms_material WHERE account = $1 AND region = $2 AND key = $3 ORDER BY version",
            key.columns
        ).map { row in Row(version: try row.integer(0), sealed: try row.bytes(1)) }
    }

    static func insert(
        _ row: Row, of key: KMSKey, at now: Timestamp, onDemand: Bool = false, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            """
            INSERT INTO kms_material (account, region, key, version, sealed, created_at, on_demand)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            key.columns + [.integer(row.version), .bytes(row.sealed), .timestamp(now), .flag(onDemand)])
    }
}
