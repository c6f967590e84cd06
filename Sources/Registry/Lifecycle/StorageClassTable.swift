import WeirCore

/// The columns that say where an image is kept.
enum StorageClassTable {
    /// Where an image is now; nil where there is no such image.
    static func status(of digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> ImageStatus? {
        try sql.rows(
            "SELECT status FROM image WHERE repository = $1 AND digest = $2",
            [.integer(repository), .text(digest.description)]
        ).first.map { ImageStatus(rawValue: try $0.text(0)) ?? .active }
    }

    /// Moves an active image to the archive. False where it is not active.
    static func archive(
        _ digest: Digest, in repository: Int64, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Bool {
        try sql.execute(
            """
            UPDATE image SET status = 'ARCHIVED', archived_at = $1
            WHERE repository = $2 AND digest = $3 AND status = 'ACTIVE'
            """, [.timestamp(now), .integer(repository), .text(digest.description)]) == 1
    }

    /// Begins to bring an image back. False where it is not in the archive.
    static func beginActivation(
        of digest: Digest, in repository: Int64, _ sql: any SQLConnection
    ) throws -> Bool {
        try sql.execute(
            "UPDATE image SET status = 'ACTIVATING' WHERE repository = $1 AND digest = $2 AND status = 'ARCHIVED'",
            [.integer(repository), .text(digest.description)]) == 1
    }

    /// Brings an image back. False where it was not away.
    static func activate(
        _ digest: Digest, in repository: Int64, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Bool {
        try sql.execute(
            """
            UPDATE image SET status = 'ACTIVE', activated_at = $1
            WHERE repository = $2 AND digest = $3 AND status <> 'ACTIVE'
            """, [.timestamp(now), .integer(repository), .text(digest.description)]) == 1
    }

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
            let registry = RegistryID(account: try AccountID(row.text(0)), region: try Region(row.text(1)))
            let found = try RepositoryTable.find(try RepositoryName(row.text(2)), in: registry, sql)
            return try found.map { ($0.repository, try Digest(row.text(3))) }
        }
    }

    /// The lists that lead clients to an image: those that can be pulled and name it.
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

    /// What is about an image.
    static func referrers(of digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> [Digest] {
        try sql.rows(
            "SELECT digest FROM image WHERE repository = $1 AND subject = $2 ORDER BY digest",
            [.integer(repository), .text(digest.description)]
        ).map { try Digest($0.text(0)) }
    }

    /// What a list names and is here.
    static func children(of digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> [Digest] {
        try sql.rows(
            """
            SELECT c.child FROM image_child c JOIN image i ON i.repository = c.repository AND i.digest = c.child
            WHERE c.repository = $1 AND c.parent = $2 ORDER BY c.child
            """, [.integer(repository), .text(digest.description)]
        ).map { try Digest($0.text(0)) }
    }
}
