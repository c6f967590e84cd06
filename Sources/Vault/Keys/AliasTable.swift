import WeirCore

/// The rows of `kms_alias`.
enum AliasTable {
    private static let columns = "account, region, name, key, created_at, updated_at"

    static func find(_ name: String, in registry: RegistryID, _ sql: any SQLConnection) throws -> KMSAlias? {
        try sql.rows(
            "SELECT \(columns) FROM kms_alias WHERE account = $1 AND region = $2 AND name = $3",
            registry.columns + [.text(name)]
        ).first.map(alias)
    }

    static func page(
        in registry: RegistryID, of keyID: String?, after name: String, limit: Int, _ sql: any SQLConnection
    ) throws -> [KMSAlias] {
        let place = registry.columns + [.text(name)]
        guard let keyID else {
            return try sql.rows(
                """
                SELECT \(columns) FROM kms_alias WHERE account = $1 AND region = $2 AND name > $3 ORDER BY name LIMIT $4
                """, place + [.integer(limit)]
            ).map(alias)
        }
        return try sql.rows(
            """
            SELECT \(columns) FROM kms_alias WHERE account = $1 AND region = $2 AND name > $3 AND key = $4
            ORDER BY name LIMIT $5
            """, place + [.text(keyID), .integer(limit)]
        ).map(alias)
    }

    /// False where there is one of this name already.
    static func insert(_ alias: KMSAlias, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            """
            INSERT INTO kms_alias (\(columns)) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account, region, name) DO NOTHING
            """,
            alias.registry.columns + [
                .text(alias.name), .text(alias.keyID), .timestamp(alias.createdAt), .timestamp(alias.updatedAt),
            ]) == 1
    }

    static func point(
        _ name: String, in registry: RegistryID, at keyID: String, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Bool {
        try sql.execute(
            "UPDATE kms_alias SET key = $1, updated_at = $2 WHERE account = $3 AND region = $4 AND name = $5",
            [.text(keyID), .timestamp(now)] + registry.columns + [.text(name)]) == 1
    }

    static func delete(_ name: String, in registry: RegistryID, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM kms_alias WHERE account = $1 AND region = $2 AND name = $3",
            registry.columns + [.text(name)]) == 1
    }

    private static func alias(_ row: SQLRow) throws -> KMSAlias {
        KMSAlias(
            registry: try row.registry(0),
            name: try row.text(2), keyID: try row.text(3), createdAt: try row.timestamp(4),
            updatedAt: try row.timestamp(5))
    }
}
