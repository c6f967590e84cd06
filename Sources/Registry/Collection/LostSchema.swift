import WeirCore

extension RegistrySchema {
    /// What was taken out of its place and waits in the store's quarantine.
    ///
    /// `lost_blob`: a file there; `why` is a `LostBlob.Reason`, `since` the moment from which its wait counts, `holders` who held
    /// it, as JSON for people. `lost_holder`: that a repository could serve a digest until that moment; it has no foreign key, so
    /// that it also tells of repositories that are gone.
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
