import WeirCore

/// What moving an image into the archive, or back, asks about the images around it.
enum StorageClassQueries {
    /// Images on their way back, in every registry.
    static func activating(
        limit: Int, _ sql: any SQLConnection
    ) throws -> [(repository: Repository, digest: Digest)] {
        let rows = try sql.rows(
            """
            SELECT r.account, r.region, r.name, i.digest FROM image i JOIN repository r ON r.id = i.repository
            WHERE i.status <> 'ACTIVE' AND i.status = 'ACTIVATING' LIMIT $1
            """, [.integer(limit)])
        return try rows.compactMap { row in
            let registry = try row.registry(0)
            let found = try RepositoryTable.find(try RepositoryName(row.text(2)), in: registry, sql)
            return try found.map { ($0.repository, try Digest(row.text(3))) }
        }
    }

    /// The lists that lead clients to an image: they name it and are not archived.
    static func activeLists(
        naming digest: Digest, in repository: Int64, _ sql: any SQLConnection
    ) throws -> [Digest] {
        try sql.rows(
            """
            SELECT c.parent FROM image_child c JOIN image i ON i.repository = c.repository AND i.digest = c.parent
            WHERE c.repository = $1 AND c.child = $2 AND i.status <> 'ARCHIVED' ORDER BY c.parent
            """, [.integer(repository), .text(digest.description)]
        ).map { try Digest($0.text(0)) }
    }

    /// The images whose subject is this one.
    static func referrers(of digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> [Digest] {
        try sql.rows(
            "SELECT digest FROM image WHERE repository = $1 AND subject = $2 ORDER BY digest",
            [.integer(repository), .text(digest.description)]
        ).map { try Digest($0.text(0)) }
    }

    /// The images that a list names, as far as they are here.
    static func children(of digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> [Digest] {
        try sql.rows(
            """
            SELECT c.child FROM image_child c JOIN image i ON i.repository = c.repository AND i.digest = c.child
            WHERE c.repository = $1 AND c.parent = $2 ORDER BY c.child
            """, [.integer(repository), .text(digest.description)]
        ).map { try Digest($0.text(0)) }
    }
}
