import WeirCore

/// What the verifier asks about images. About blobs it asks what the collector does (`CollectionQueries`).
enum VerifyQueries {
    /// An image, by its repository.
    struct ImageRow: Sendable {
        let repository: Int64
        let registry: RegistryID
        let name: RepositoryName
        let digest: Digest
        let origin: Origin
    }

    static func images(
        after last: ImageRow?, count: Int, _ sql: any SQLConnection
    ) throws -> [ImageRow] {
        try sql.rows(
            """
            SELECT i.repository, r.account, r.region, r.name, i.digest, i.origin
            FROM image i JOIN repository r ON r.id = i.repository
            WHERE (i.repository, i.digest) > ($1, $2) ORDER BY i.repository, i.digest LIMIT $3
            """,
            [.integer(last?.repository ?? .min), .text(last?.digest.description ?? ""), .integer(count)]
        ).map { row in
            ImageRow(
                repository: try row.integer(0),
                registry: try row.registry(1),
                name: try RepositoryName(row.text(3)), digest: try Digest(row.text(4)),
                origin: Origin(rawValue: try row.text(5)) ?? .push)
        }
    }

    /// The blobs that an image names.
    static func blobs(
        of digest: Digest, in repository: Int64, _ sql: any SQLConnection
    ) throws -> [Digest] {
        try sql.rows(
            "SELECT digest FROM image_blob WHERE repository = $1 AND image = $2",
            [.integer(repository), .text(digest.description)]
        ).map { try Digest($0.text(0)) }
    }
}
