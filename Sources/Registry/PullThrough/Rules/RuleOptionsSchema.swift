import WeirCore

extension RegistrySchema {
    /// What can be set of a cache rule beyond ECR's API, as JSON; null where nothing is.
    static let ruleOptions: [Migration] = [
        Migration("registry-2-rule-options", ["ALTER TABLE cache_rule ADD COLUMN options TEXT"])
    ]

    /// `repository_blob.source`: the place upstream that the bytes, or the word that the repository may serve them, came from.
    /// Null where a client pushed them, and for what came before the column was there: that place is nobody's.
    static let blobSources: [Migration] = [
        Migration("registry-3-blob-source", ["ALTER TABLE repository_blob ADD COLUMN source TEXT"])
    ]
}
