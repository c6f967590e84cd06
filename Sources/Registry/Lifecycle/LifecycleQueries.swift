import WeirCore

/// What lifecycle policies look at: images with their tags, and which policies are due.
enum LifecycleQueries {
    private static let columns =
        "SELECT digest, pushed_at, pulled_at, status, archived_at, activated_at, subject FROM image WHERE repository = $1"

    /// All images of a repository, with their tags and what they name.
    static func images(in repository: Int64, _ sql: any SQLConnection) throws -> [LifecycleImage] {
        var tags: [String: [Tag]] = [:]
        let tagRows = try sql.rows(
            "SELECT digest, name FROM tag WHERE repository = $1 ORDER BY name", [.integer(repository)])
        for row in tagRows { tags[try row.text(0), default: []].append(try Tag(row.text(1))) }
        var children: [String: [Digest]] = [:]
        let childRows = try sql.rows(
            "SELECT parent, child FROM image_child WHERE repository = $1 ORDER BY child", [.integer(repository)])
        for row in childRows { children[try row.text(0), default: []].append(try Digest(row.text(1))) }
        return try sql.rows(columns, [.integer(repository)]).map { row in
            let digest = try row.text(0)
            return try read(row, tags: tags[digest] ?? [], children: children[digest] ?? [])
        }
    }

    /// One image, without what it names.
    static func image(
        _ digest: Digest, in repository: Int64, _ sql: any SQLConnection
    ) throws -> LifecycleImage? {
        try sql.rows(columns + " AND digest = $2", [.integer(repository), .text(digest.description)])
            .first.map { try read($0, tags: try ImageTable.tags(of: digest, in: repository, sql), children: []) }
    }

    private static func read(_ row: SQLRow, tags: [Tag], children: [Digest]) throws -> LifecycleImage {
        LifecycleImage(
            digest: try Digest(row.text(0)), tags: tags, pushedAt: try row.timestamp(1),
            pulledAt: try row.optionalTimestamp(2), status: ImageStatus(rawValue: try row.text(3)) ?? .active,
            archivedAt: try row.optionalTimestamp(4), activatedAt: try row.optionalTimestamp(5),
            subject: try row.optionalText(6).map { try Digest($0) }, children: children)
    }

    /// The text of a repository's policy now.
    static func policy(of repository: Int64, _ sql: any SQLConnection) throws -> String? {
        try sql.rows("SELECT lifecycle_policy FROM repository WHERE id = $1", [.integer(repository)])
            .first?.optionalText(0)
    }

    /// When a repository's policy was last carried out.
    static func evaluatedAt(_ repository: Int64, _ sql: any SQLConnection) throws -> Timestamp? {
        try sql.rows("SELECT lifecycle_evaluated_at FROM repository WHERE id = $1", [.integer(repository)])
            .first?.optionalTimestamp(0)
    }

    /// A repository by its name, in whatever registry.
    struct Target: Sendable, Hashable {
        let registry: RegistryID
        let name: RepositoryName
    }

    /// The repositories of every registry whose policy was not carried out after `moment`, the longest ago first.
    static func due(since moment: Timestamp, _ sql: any SQLConnection) throws -> [Target] {
        try sql.rows(
            """
            SELECT account, region, name FROM repository WHERE lifecycle_policy IS NOT NULL
            AND (lifecycle_evaluated_at IS NULL OR lifecycle_evaluated_at <= $1)
            ORDER BY COALESCE(lifecycle_evaluated_at, 0), id
            """, [.timestamp(moment)]
        ).map { row in
            Target(
                registry: try row.registry(0),
                name: try RepositoryName(row.text(2)))
        }
    }

    /// The repositories of a registry that have a policy, by name.
    static func withPolicy(in registry: RegistryID, _ sql: any SQLConnection) throws -> [RepositoryName] {
        try sql.rows(
            """
            SELECT name FROM repository WHERE account = $1 AND region = $2 AND lifecycle_policy IS NOT NULL
            ORDER BY name
            """, registry.columns
        ).map { try RepositoryName($0.text(0)) }
    }
}
