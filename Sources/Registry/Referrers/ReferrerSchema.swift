import WeirCore

extension RegistrySchema {
    static let referrers: [Migration] = [
        Migration(
            "registry-2-referrers",
            [
                "CREATE INDEX image_by_subject ON image (repository, subject, digest)",
                """
                CREATE TABLE upstream_referrers (
                    repository BIGINT NOT NULL,
                    subject TEXT NOT NULL,
                    listing BYTEA NOT NULL,
                    checked_at BIGINT NOT NULL,
                    PRIMARY KEY (repository, subject),
                    FOREIGN KEY (repository, subject) REFERENCES image (repository, digest) ON DELETE CASCADE
                )
                """,
            ])
    ]
}
