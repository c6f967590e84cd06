import WeirCore

/// The rows of `image_scan`: the scans that were asked for.
enum ImageScanTable {
    static func find(_ digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> ImageScan? {
        try sql.rows(
            "SELECT requested_at FROM image_scan WHERE repository = $1 AND digest = $2",
            [.integer(repository), .text(digest.description)]
        ).first.map { ImageScan(requestedAt: try $0.timestamp(0)) }
    }

    static func put(_ scan: ImageScan, of digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO image_scan (repository, digest, requested_at) VALUES ($1, $2, $3)
            ON CONFLICT (repository, digest) DO UPDATE SET requested_at = excluded.requested_at
            """, [.integer(repository), .text(digest.description), .timestamp(scan.requestedAt)])
    }
}
