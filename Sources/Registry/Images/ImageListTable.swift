import WeirCore

/// The lists of images and tags, a page at a time, each page at the cost of its rows.
struct ImageListTable {
    /// One entry for each digest and tag; an untagged image once. Ordered by digest, then tag.
    static func ids(
        in repository: Int64, _ filter: TagStatus, after: (digest: String, tag: String)?, limit: Int,
        _ sql: any SQLConnection
    ) throws -> [ImageID] {
        let join = filter == .tagged ? "JOIN" : "LEFT JOIN"
        let untagged = filter == .untagged ? "AND t.name IS NULL" : ""
        return try sql.rows(
            """
            SELECT i.digest, t.name FROM image i
            \(join) tag t ON t.repository = i.repository AND t.digest = i.digest
            WHERE i.repository = $1 AND (i.digest > $2 OR (i.digest = $3 AND COALESCE(t.name, '') > $4)) \(untagged)
            ORDER BY i.digest, t.name LIMIT $5
            """,
            [
                .integer(repository), .text(after?.digest ?? ""), .text(after?.digest ?? ""),
                .text(after?.tag ?? ""), .integer(limit),
            ]
        ).map { ImageID(digest: try Digest($0.text(0)), tag: try $0.optionalText(1).map { try Tag($0) }) }
    }

    private static let detailColumns =
        "i.digest, i.size, i.pushed_at, i.media_type, i.artifact_type, i.pulled_at, i.subject"

    static func details(
        in repository: Int64, _ filter: TagStatus, after digest: String?, limit: Int, _ sql: any SQLConnection
    ) throws -> [ImageDetail] {
        let tagged = "(SELECT 1 FROM tag t WHERE t.repository = i.repository AND t.digest = i.digest)"
        let condition =
            switch filter {
            case .any: ""
            case .tagged: "AND EXISTS \(tagged)"
            case .untagged: "AND NOT EXISTS \(tagged)"
            }
        let rows = try sql.rows(
            """
            SELECT \(detailColumns) FROM image i WHERE i.repository = $1 AND i.digest > $2 \(condition)
            ORDER BY i.digest LIMIT $3
            """, [.integer(repository), .text(digest ?? ""), .integer(limit)])
        return try rows.map { try detail($0, in: repository, sql) }
    }

    static func detail(
        of digest: Digest, in repository: Int64, _ sql: any SQLConnection
    ) throws -> ImageDetail? {
        try sql.rows(
            "SELECT \(detailColumns) FROM image i WHERE i.repository = $1 AND i.digest = $2",
            [.integer(repository), .text(digest.description)]
        ).first.map { try detail($0, in: repository, sql) }
    }

    private static func detail(
        _ row: SQLRow, in repository: Int64, _ sql: any SQLConnection
    ) throws -> ImageDetail {
        let digest = try Digest(row.text(0))
        return ImageDetail(
            digest: digest, tags: try ImageTable.tags(of: digest, in: repository, sql), size: try row.integer(1),
            pushedAt: try row.timestamp(2), mediaType: try row.text(3), artifactType: try row.optionalText(4),
            lastPulledAt: try row.optionalTimestamp(5), subject: try row.optionalText(6).map { try Digest($0) })
    }

    /// Tags in the order of their bytes, which is the order the OCI specification asks for.
    static func tags(
        in repository: Int64, after tag: String?, limit: Int, _ sql: any SQLConnection
    ) throws -> [Tag] {
        try sql.rows(
            "SELECT name FROM tag WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3",
            [.integer(repository), .text(tag ?? ""), .integer(limit)]
        ).map { try Tag($0.text(0)) }
    }
}
