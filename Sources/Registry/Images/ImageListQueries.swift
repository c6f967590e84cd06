import WeirCore

/// The lists of images and tags, a page at a time, each page at the cost of its rows.
enum ImageListQueries {
    /// One entry for each digest and tag; an untagged image once. Ordered by digest, then tag.
    static func ids(
        in repository: Int64, _ filter: TagStatus, _ status: ImageStatus?, after: (digest: String, tag: String)?,
        limit: Int, _ sql: any SQLConnection
    ) throws -> [ImageID] {
        let after = after ?? ("", "")
        switch filter {
        case .tagged: return try tagged(in: repository, status, after: after, limit: limit, sql)
        case .untagged: return try entries(in: repository, status, isUntagged: true, after: after.digest, limit, sql)
        case .any:
            // An image may have thousands of tags: a page begins at the next of them, not at the image's first.
            var found: [ImageID] = []
            if !after.digest.isEmpty {
                found = try tagged(in: repository, status, after: after, isSameImage: true, limit: limit, sql)
            }
            guard found.count < limit else { return found }
            return try found
                + entries(in: repository, status, isUntagged: false, after: after.digest, limit - found.count, sql)
        }
    }

    /// Read by the index `tag_by_image`: a page costs what it holds, however many images have no tag.
    private static func tagged(
        in repository: Int64, _ status: ImageStatus?, after: (digest: String, tag: String), isSameImage: Bool = false,
        limit: Int, _ sql: any SQLConnection
    ) throws -> [ImageID] {
        try sql.rows(
            """
            SELECT t.digest, t.name FROM tag t
            JOIN image i ON i.repository = t.repository AND i.digest = t.digest
            WHERE t.repository = $1
            AND \(isSameImage ? "t.digest = $2 AND t.name > $3" : "(t.digest, t.name) > ($2, $3)")
            \(condition(status)) ORDER BY t.digest, t.name LIMIT $4
            """,
            [.integer(repository), .text(after.digest), .text(after.tag), .integer(limit)]
        ).map(id)
    }

    /// The images after a digest: all, each with its tags, or only those that have none.
    private static func entries(
        in repository: Int64, _ status: ImageStatus?, isUntagged: Bool, after digest: String, _ limit: Int,
        _ sql: any SQLConnection
    ) throws -> [ImageID] {
        let join = "LEFT JOIN tag t ON t.repository = i.repository AND t.digest = i.digest"
        let none = "AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository = i.repository AND t.digest = i.digest)"
        return try sql.rows(
            """
            SELECT i.digest\(isUntagged ? ", NULL" : ", t.name") FROM image i \(isUntagged ? "" : join)
            WHERE i.repository = $1 AND i.digest > $2 \(isUntagged ? none : "") \(condition(status))
            ORDER BY i.digest\(isUntagged ? "" : ", t.name") LIMIT $3
            """,
            [.integer(repository), .text(digest), .integer(limit)]
        ).map(id)
    }

    private static func id(_ row: SQLRow) throws -> ImageID {
        ImageID(digest: try Digest(row.text(0)), tag: try row.optionalText(1).map { try Tag($0) })
    }

    private static let detailColumns = """
        i.digest, i.size, i.pushed_at, i.media_type, i.artifact_type, i.pulled_at, i.subject, i.status, i.archived_at,
            i.activated_at
        """

    /// Repeats the condition of the index `image_not_active`, which is not used otherwise.
    private static func condition(_ status: ImageStatus?) -> String {
        switch status {
        case nil: ""
        case .active: "AND i.status = 'ACTIVE'"
        case .archived: "AND i.status <> 'ACTIVE' AND i.status = 'ARCHIVED'"
        case .activating: "AND i.status <> 'ACTIVE' AND i.status = 'ACTIVATING'"
        }
    }

    /// The most tags in one page: without it, 1,000 images of 1,000 tags each would fit.
    private static let mostTags = 10_000

    /// As many images as are asked for. Fewer where they have more than `mostTags` tags: then `isCut`.
    static func details(
        in repository: Int64, _ filter: TagStatus, _ status: ImageStatus?, after digest: String?, limit: Int,
        _ sql: any SQLConnection
    ) throws -> (details: [ImageDetail], isCut: Bool) {
        let tagged = "(SELECT 1 FROM tag t WHERE t.repository = i.repository AND t.digest = i.digest)"
        let condition =
            switch filter {
            case .any: ""
            case .tagged: "AND EXISTS \(tagged)"
            case .untagged: "AND NOT EXISTS \(tagged)"
            }
        let rows = try sql.rows(
            """
            SELECT \(detailColumns) FROM image i WHERE i.repository = $1 AND i.digest > $2 \(condition) \(Self.condition(status))
            ORDER BY i.digest LIMIT $3
            """, [.integer(repository), .text(digest ?? ""), .integer(limit)])
        var details: [ImageDetail] = []
        var tags = 0
        for row in rows {
            guard tags < mostTags else { return (details, true) }
            details.append(try detail(row, in: repository, sql))
            tags += details.last?.tags.count ?? 0
        }
        return (details, false)
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
            digest: digest, tags: try ImageTable.tags(of: digest, in: repository, sql), size: try row.size(1),
            pushedAt: try row.timestamp(2), mediaType: try row.text(3), artifactType: try row.optionalText(4),
            lastPulledAt: try row.optionalTimestamp(5), subject: try row.optionalText(6).map { try Digest($0) },
            status: ImageStatus(rawValue: try row.text(7)) ?? .active, archivedAt: try row.optionalTimestamp(8),
            activatedAt: try row.optionalTimestamp(9))
    }

    /// The tags of images that can be pulled, in the order of their bytes, as the OCI distribution specification demands.
    static func tags(
        in repository: Int64, after tag: String?, limit: Int, _ sql: any SQLConnection
    ) throws -> [Tag] {
        try sql.rows(
            """
            SELECT t.name FROM tag t JOIN image i ON i.repository = t.repository AND i.digest = t.digest
            WHERE t.repository = $1 AND t.name > $2 AND i.status = 'ACTIVE' ORDER BY t.name LIMIT $3
            """,
            [.integer(repository), .text(tag ?? ""), .integer(limit)]
        ).map { try Tag($0.text(0)) }
    }
}
