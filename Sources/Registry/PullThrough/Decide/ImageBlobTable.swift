import WeirCore

/// `image_blob`, as pulls ask it.
enum ImageBlobTable {
    /// How many blobs the image names, and how many of them the repository can serve now.
    static func presence(
        of image: Digest, in repository: Int64, scope: String, _ sql: any SQLConnection
    ) throws -> (all: Int64, here: Int64) {
        let row = try sql.rows(
            """
            SELECT COUNT(*), COUNT(b.digest) FROM image_blob i
            LEFT JOIN repository_blob m ON m.repository = i.repository AND m.digest = i.digest
            LEFT JOIN blob b ON b.scope = $1 AND b.digest = m.digest AND b.fault IS NULL
            WHERE i.repository = $2 AND i.image = $3
            """,
            [.text(scope), .integer(repository), .text(image.description)]
        ).first
        return (try row?.integer(0) ?? 0, try row?.integer(1) ?? 0)
    }
}
