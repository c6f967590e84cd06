import WeirCore

/// `repository_blob`, as fills ask it.
enum RepositoryBlobTable {
    /// Notes where upstream the repository's blob, or its right to it, came from (`UpstreamSource.place`).
    static func came(
        _ digest: Digest, to repository: Int64, from place: String, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            "UPDATE repository_blob SET source = $1 WHERE repository = $2 AND digest = $3",
            [.text(place), .integer(repository), .text(digest.description)])
    }

    /// True if some repository of the registry got the blob from this place upstream, whatever its rule names now.
    static func cameFrom(
        _ place: String, _ digest: Digest, registry: RegistryID, _ sql: any SQLConnection
    ) throws -> Bool {
        try !sql.rows(
            """
            SELECT 1 FROM repository_blob b JOIN repository r ON r.id = b.repository
            WHERE b.digest = $1 AND b.origin = $2 AND b.source = $3 AND r.account = $4 AND r.region = $5 LIMIT 1
            """,
            [
                .text(digest.description), .text(Origin.cache.rawValue), .text(place), .text(registry.account.description),
                .text(registry.region.description),
            ]
        ).isEmpty
    }
}
