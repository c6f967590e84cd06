import WeirCore

/// Which blobs lie in the store, and which repository may serve which of them.
struct BlobTable {
    /// What one repository knows about one digest.
    struct Standing: Sendable, Equatable {
        /// How the repository proved that it may serve the blob; nil where it did not.
        let membership: Origin?
        /// The size that one of the repository's manifests tells; nil where none names the blob.
        let named: Int64?
        /// The size of the bytes in the store under the repository's key; nil where there are none.
        let stored: Int64?
        /// When they were stored: names these bytes among those that the place has held.
        let storedAt: Timestamp?
    }

    static func standing(
        of digest: Digest, in repository: Int64, scope: String, _ sql: any SQLConnection
    ) throws -> Standing {
        let row = try sql.rows(
            """
            SELECT (SELECT origin FROM repository_blob WHERE repository = $1 AND digest = $2),
                   (SELECT MAX(size) FROM image_blob WHERE repository = $3 AND digest = $4),
                   (SELECT size FROM blob WHERE scope = $5 AND digest = $6),
                   (SELECT stored_at FROM blob WHERE scope = $7 AND digest = $8)
            """,
            [
                .integer(repository), .text(digest.description), .integer(repository), .text(digest.description),
                .text(scope), .text(digest.description), .text(scope), .text(digest.description),
            ]
        ).first
        return Standing(
            membership: try row?.optionalText(0).flatMap(Origin.init(rawValue:)),
            named: try row?.optionalInteger(1), stored: try row?.optionalInteger(2),
            storedAt: try row?.optionalTimestamp(3))
    }

    /// Records that the store holds the blob. Call it only after the commit there.
    static func stored(_ place: BlobPlace, size: Int64, at now: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO blob (scope, digest, size, stored_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (scope, digest) DO UPDATE SET size = excluded.size,
                stored_at = CASE WHEN excluded.stored_at > blob.stored_at THEN excluded.stored_at
                            ELSE blob.stored_at + 1 END
            """,
            [.text(place.scope), .text(place.digest.description), .integer(size), .timestamp(now)])
    }

    /// Records that the store holds the bytes of that moment no more. Newer ones, that somebody stored meanwhile, stay.
    static func lost(_ place: BlobPlace, storedAt moment: Timestamp?, _ sql: any SQLConnection) throws {
        try sql.execute(
            "DELETE FROM blob WHERE scope = $1 AND digest = $2 AND stored_at = $3",
            [.text(place.scope), .text(place.digest.description), .timestamp(moment)])
    }

    /// Lets the repository serve the blob. What a client pushed stays marked so: nobody else can replace it.
    static func admit(
        _ digest: Digest, to repository: Int64, _ origin: Origin, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            """
            INSERT INTO repository_blob (repository, digest, origin) VALUES ($1, $2, $3)
            ON CONFLICT (repository, digest) DO UPDATE SET origin =
                CASE WHEN repository_blob.origin = 'push' THEN 'push' ELSE excluded.origin END
            """,
            [.integer(repository), .text(digest.description), .text(origin.rawValue)])
    }

    /// The digests among `digests` that the repository may serve and the store holds.
    static func present(
        _ digests: [Digest], in repository: Int64, scope: String, _ sql: any SQLConnection
    ) throws -> Set<Digest> {
        var present: Set<Digest> = []
        for digest in digests {
            let standing = try standing(of: digest, in: repository, scope: scope, sql)
            if standing.membership != nil, standing.stored != nil { present.insert(digest) }
        }
        return present
    }
}
