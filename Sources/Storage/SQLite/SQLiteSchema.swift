import WeirCore

/// The migrations that this database has applied. The driver's own table:
///
///     schema_migration
///       id          TEXT PRIMARY KEY      such as registry-1
///       applied_at  INTEGER               microseconds since 1970, by SQLite's clock
enum SQLiteMigrations {
    static func prepare(_ sql: any SQLConnection) throws {
        try sql.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migration (
              id TEXT PRIMARY KEY NOT NULL, applied_at INTEGER NOT NULL
            ) WITHOUT ROWID
            """, [])
    }

    /// The row and the statements are one transaction: a migration is applied wholly, once, or not at all.
    static func apply(_ migration: Migration, _ sql: any SQLConnection) throws {
        let isNew =
            try sql.execute(
                """
                INSERT INTO schema_migration (id, applied_at)
                VALUES ($1, CAST(strftime('%s', 'now') AS INTEGER) * 1000000)
                ON CONFLICT (id) DO NOTHING
                """, [.text(migration.id)]) == 1
        guard isNew else { return }
        for statement in migration.statements {
            try sql.execute(statement, [])
        }
    }
}
