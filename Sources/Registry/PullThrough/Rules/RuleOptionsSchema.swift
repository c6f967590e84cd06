import WeirCore

extension RegistrySchema {
    /// What is set of a cache rule beyond ECR's API, as JSON; null where nothing is.
    static let ruleOptions: [Migration] = [
        Migration("registry-2-rule-options", ["ALTER TABLE cache_rule ADD COLUMN options TEXT"])
    ]

    /// `repository_blob.source`: the place upstream that gave the bytes, or said that the repository may serve them. Null where
    /// a client pushed them, and in rows that are older than the column: these match no place.
    static let blobSources: [Migration] = [
        Migration("registry-3-blob-source", ["ALTER TABLE repository_blob ADD COLUMN source TEXT"])
    ]
}
