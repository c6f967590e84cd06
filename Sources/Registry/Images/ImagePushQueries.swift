import WeirCore
import WeirVault

/// What only a push asks about images.
enum ImagePushQueries {
    /// The lengths of those manifests that are here, in bytes, as they were pushed. Archived ones are left out: a client then
    /// pushes them again, which brings them back.
    static func manifestSizes(
        of digests: [Digest], in repository: Int64, _ sql: any SQLConnection
    ) throws -> [Digest: Int64] {
        var sizes: [Digest: Int64] = [:]
        for batch in DigestBatch.all(of: digests) {
            let rows = try sql.rows(
                """
                SELECT digest, LENGTH(manifest) FROM image
                WHERE repository = $1 AND status = 'ACTIVE' AND digest IN (\(batch.placeholders(from: 2)))
                """, [.integer(repository)] + batch.arguments)
            for row in rows { sizes[try Digest(row.text(0))] = try row.integer(1).subtracting(Int64(SealedValue.overhead)) }
        }
        return sizes
    }

    /// The length of a manifest as it is stored, sealed, in bytes; 0 where it is not here.
    static func storedSize(of digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> Int64 {
        try sql.rows(
            "SELECT LENGTH(manifest) FROM image WHERE repository = $1 AND digest = $2",
            [.integer(repository), .text(digest.description)]
        ).first?.size(0) ?? 0
    }

    /// What the lists among these manifests name.
    static func children(
        of digests: [Digest], in repository: Int64, _ sql: any SQLConnection
    ) throws -> Set<Digest> {
        var children: Set<Digest> = []
        for batch in DigestBatch.all(of: digests) {
            let rows = try sql.rows(
                "SELECT DISTINCT child FROM image_child WHERE repository = $1 AND parent IN (\(batch.placeholders(from: 2)))",
                [.integer(repository)] + batch.arguments)
            for row in rows { children.insert(try Digest(row.text(0))) }
        }
        return children
    }

    /// The size of the largest of these images that are here; 0 where none is.
    static func largest(of digests: [Digest], in repository: Int64, _ sql: any SQLConnection) throws -> Int64 {
        var largest: Int64 = 0
        for batch in DigestBatch.all(of: digests) {
            let row = try sql.rows(
                "SELECT MAX(size) FROM image WHERE repository = $1 AND digest IN (\(batch.placeholders(from: 2)))",
                [.integer(repository)] + batch.arguments
            ).first
            largest = max(largest, try row?.optionalSize(0) ?? 0)
        }
        return largest
    }

    /// True if the image has `limit` tags or more. Counts no further than that.
    static func holds(
        _ limit: Int, tagsOf digest: Digest, in repository: Int64, _ sql: any SQLConnection
    ) throws -> Bool {
        try !sql.rows(
            "SELECT 1 FROM tag WHERE repository = $1 AND digest = $2 LIMIT 1 OFFSET $3",
            [.integer(repository), .text(digest.description), .integer(limit - 1)]
        ).isEmpty
    }
}
