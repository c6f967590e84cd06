import WeirCore

extension RegistrySchema {
    static let settings: [Migration] = [
        Migration(
            "registry-2-settings",
            [
                """
                CREATE TABLE registry_setting (
                    account TEXT NOT NULL, region TEXT NOT NULL,
                    name TEXT NOT NULL,
                    value TEXT NOT NULL,
                    PRIMARY KEY (account, region, name)
                )
                """,
                """
                CREATE TABLE pull_time_exclusion (
                    account TEXT NOT NULL, region TEXT NOT NULL,
                    principal TEXT NOT NULL,
                    created_at BIGINT NOT NULL,
                    PRIMARY KEY (account, region, principal)
                )
                """,
                """
                CREATE TABLE image_scan (
                    repository BIGINT NOT NULL,
                    digest TEXT NOT NULL,
                    requested_at BIGINT NOT NULL,
                    PRIMARY KEY (repository, digest),
                    FOREIGN KEY (repository, digest) REFERENCES image (repository, digest) ON DELETE CASCADE
                )
                """,
                """
                CREATE TABLE image_replication (
                    repository BIGINT NOT NULL,
                    digest TEXT NOT NULL,
                    account TEXT NOT NULL, region TEXT NOT NULL,
                    tags TEXT NOT NULL,
                    status TEXT NOT NULL,
                    failure TEXT,
                    requested_at BIGINT NOT NULL,
                    attempts INTEGER NOT NULL,
                    due_at BIGINT NOT NULL,
                    PRIMARY KEY (repository, digest, account, region),
                    FOREIGN KEY (repository, digest) REFERENCES image (repository, digest) ON DELETE CASCADE
                )
                """,
                "CREATE INDEX image_replication_by_status ON image_replication (status, due_at)",
            ])
    ]
}
