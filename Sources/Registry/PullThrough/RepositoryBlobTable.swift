import WeirCore

/// `repository_blob`, as fills ask it.
enum RepositoryBlobTable {
    private static let enough = 100

    /// The repositories of the registry that got the blob from their upstream: some of them, where they are very many.
    static func cachedIn(
        _ digest: Digest, registry: RegistryID, _ sql: any SQLConnection
    ) throws -> [RepositoryName] {
        try sql.rows(
            """
            SELECT r.name FROM repository_blob b JOIN repository r ON r.id = b.repository
            WHERE b.digest = $1 AND b.origin = $2 AND r.account = $3 AND r.region = $4 ORDER BY r.name LIMIT $5
            """,
            [
                .text(digest.description), .text(Origin.cache.rawValue), .text(registry.account.description),
                .text(registry.region.description), .integer(enough),
            ]
        ).map { try RepositoryName($0.text(0)) }
    }
}
