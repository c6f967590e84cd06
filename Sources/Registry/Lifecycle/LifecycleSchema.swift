import WeirCore

extension RegistrySchema {
    /// Where an image is kept, when lifecycle policies were carried out, and what previews found.
    static let lifecycle: [Migration] = [
        Migration(
            "registry-2-image-status",
            [
                "ALTER TABLE image ADD COLUMN status TEXT NOT NULL DEFAULT 'ACTIVE'",
                "ALTER TABLE image ADD COLUMN archived_at BIGINT",
                "ALTER TABLE image ADD COLUMN activated_at BIGINT",
                // It is small and costs a push nothing, since nearly every image is active.
                "CREATE INDEX image_not_active ON image (repository, status, digest) WHERE status <> 'ACTIVE'",
            ]),
        Migration(
            "registry-2-lifecycle",
            [
                "ALTER TABLE repository ADD COLUMN lifecycle_evaluated_at BIGINT",
                """
                CREATE TABLE lifecycle_preview (
                    repository BIGINT PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
                    policy TEXT NOT NULL,
                    status TEXT NOT NULL,
                    started_at BIGINT NOT NULL,
                    finished_at BIGINT
                )
                """,
                """
                CREATE TABLE lifecycle_preview_result (
                    repository BIGINT NOT NULL REFERENCES lifecycle_preview (repository) ON DELETE CASCADE,
                    place BIGINT NOT NULL,
                    digest TEXT NOT NULL,
                    tags TEXT NOT NULL,
                    pushed_at BIGINT NOT NULL,
                    storage_class TEXT NOT NULL,
                    action TEXT NOT NULL,
                    priority BIGINT NOT NULL,
                    PRIMARY KEY (repository, place)
                )
                """,
            ]),
    ]
}
