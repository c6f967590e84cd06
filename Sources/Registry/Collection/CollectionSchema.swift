import WeirCore

extension RegistrySchema {
    /// What the collector needs to know, and the indexes that it and the lists read.
    ///
    /// `repository_blob.promised_at`: when a client last sent the blob, or was told that it need not; 0 for never.
    /// `registry_fact`: what must stay as it was when the folder was first used, such as the sealing mode.
    static let collection: [Migration] = [
        Migration(
            "registry-2-collection",
            [
                "ALTER TABLE repository_blob ADD COLUMN promised_at BIGINT NOT NULL DEFAULT 0",
                "CREATE INDEX blob_by_digest ON blob (digest)",
                // Older pushes count as promised when they were stored.
                """
                UPDATE repository_blob SET promised_at = COALESCE(
                    (SELECT MAX(blob.stored_at) FROM blob WHERE blob.digest = repository_blob.digest), 0)
                WHERE origin = 'push'
                """,
                "DROP INDEX blob_by_digest",
                "CREATE INDEX repository_blob_by_digest ON repository_blob (digest)",
                "CREATE INDEX tag_by_image ON tag (repository, digest, name)",
                "DROP INDEX tag_by_digest",
                // What each pull and push asks is answered by the index alone: it costs the same in an empty repository and in
                // one of 100,000 images.
                "CREATE INDEX image_child_by_list ON image_child (repository, child, parent)",
                "DROP INDEX image_child_by_child",
                "CREATE INDEX image_blob_by_size ON image_blob (repository, digest, size)",
                "DROP INDEX image_blob_by_digest",
                "CREATE TABLE registry_fact (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
            ])
    ]
}
