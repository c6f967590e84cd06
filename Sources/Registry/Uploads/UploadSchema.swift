import WeirCore

extension RegistrySchema {
    /// Uploads that are open. The bytes that were acknowledged are in the staged file, and the last of them in `tail`.
    ///
    /// No foreign key: a row outlives its repository, and tells which file is to be removed.
    static let uploads: [Migration] = [
        Migration(
            "registry-2-upload",
            [
                """
                CREATE TABLE upload (
                    id TEXT PRIMARY KEY,
                    repository BIGINT NOT NULL,
                    account TEXT NOT NULL, region TEXT NOT NULL,
                    touched_at BIGINT NOT NULL,
                    received BIGINT NOT NULL,
                    staged TEXT,
                    tail BYTEA,
                    parts BIGINT NOT NULL,
                    last_part BIGINT NOT NULL,
                    short_parts BIGINT NOT NULL
                )
                """,
                "CREATE INDEX upload_by_registry ON upload (account, region)",
                "CREATE INDEX upload_by_touch ON upload (touched_at)",
            ])
    ]

    /// Who began it: a caller's open uploads are limited. Empty in rows that are older than the column.
    static let uploadCallers: [Migration] = [
        Migration(
            "registry-3-upload-caller",
            [
                "ALTER TABLE upload ADD COLUMN principal TEXT NOT NULL DEFAULT ''",
                "CREATE INDEX upload_by_principal ON upload (account, region, principal)",
                "CREATE INDEX upload_by_repository ON upload (repository)",
            ])
    ]
}
