import WeirCore

/// The rows of `kms_tag`.
enum KeyTagTable {
    static func all(of key: KMSKey, _ sql: any SQLConnection) throws -> [ResourceTag] {
        try sql.rows(
            "SELECT name, value FROM kms_tag WHERE account = $1 AND region = $2 AND key = $3 ORDER BY name",
            key.columns
        ).map { row in ResourceTag(key: try row.text(0), value: try row.text(1)) }
    }

    static func put(_ tags: [ResourceTag], of key: KMSKey, _ sql: any SQLConnection) throws {
        for tag in tags {
            try sql.execute(
                """
                INSERT INTO kms_tag (account, region, key, name, value) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (account, region, key, name) DO UPDATE SET value = excluded.value
                """,
                key.columns + [.text(tag.key), .text(tag.value)])
        }
    }

    static func remove(_ names: [String], of key: KMSKey, _ sql: any SQLConnection) throws {
        for name in names {
            try sql.execute(
                "DELETE FROM kms_tag WHERE account = $1 AND region = $2 AND key = $3 AND name = $4",
                key.columns + [.text(name)])
        }
    }
}
