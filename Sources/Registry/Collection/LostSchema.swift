import WeirCore

extension RegistrySchema {
    /// Blobs in the store's quarantine.
    ///
    /// `lost_blob`: a file there. `why` is a `LostBlob.Reason`; its wait counts from `since`; `holders` names who held it, as
    /// JSON for people. `lost_holder`: until `since` the repository could serve the digest. It has no foreign key: its rows
    /// outlive the repository.
    static let lost: [Migration] = [
        Migration(
            "registry-lost-1",
            [
                """
                CREATE TABLE lost_blob (
                    scope TEXT NOT NULL, digest TEXT NOT NULL, number TEXT NOT NULL,
                    size BIGINT NOT NULL,
                    why TEXT NOT NULL,
                    since BIGINT NOT NULL,
                    holders TEXT NOT NULL,
                    PRIMARY KEY (scope, digest, number)
                )
                """,
                "CREATE INDEX lost_blob_by_age ON lost_blob (since, number)",
                "CREATE INDEX lost_blob_by_digest ON lost_blob (digest)",
                """
                CREATE TABLE lost_holder (
                    digest TEXT NOT NULL, repository BIGINT NOT NULL,
                    account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
                    kms_key TEXT,
                    origin TEXT NOT NULL,
                    since BIGINT NOT NULL,
                    PRIMARY KEY (digest, repository)
                )
                """,
                "CREATE INDEX lost_holder_by_age ON lost_holder (since)",
            ])
    ]
}
