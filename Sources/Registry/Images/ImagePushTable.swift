import WeirCore
import WeirVault

/// What only a push asks of the images' rows.
enum ImagePushTable {
    /// The length of a manifest as it was pushed; nil where it is not here, and where it is in the archive: clients then push
    /// it again, which brings it back.
    static func manifestSize(of digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> Int64? {
        try sql.rows(
            "SELECT LENGTH(manifest) FROM image WHERE repository = $1 AND digest = $2 AND status = 'ACTIVE'",
            [.integer(repository), .text(digest.description)]
        ).first.map { try $0.integer(0) - Int64(SealedValue.overhead) }
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
