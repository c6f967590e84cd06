import WeirCore

/// Layers and the images that name them.
enum LayerTable {
    /// True if images name the layer, and none of them can be pulled.
    static func isOnlyInArchive(_ digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> Bool {
        let statuses = try sql.rows(
            """
            SELECT DISTINCT i.status FROM image_blob b
            JOIN image i ON i.repository = b.repository AND i.digest = b.image
            WHERE b.repository = $1 AND b.digest = $2
            """, [.integer(repository), .text(digest.description)]
        ).map { try $0.text(0) }
        return !statuses.isEmpty && !statuses.contains(ImageStatus.active.rawValue)
    }
}
