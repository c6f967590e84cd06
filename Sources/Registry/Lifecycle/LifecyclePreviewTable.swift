import WeirCore

/// The rows of `lifecycle_preview`, the last preview of each repository, and of `lifecycle_preview_result`, what it found.
enum LifecyclePreviewTable {
    struct Row: Sendable {
        let policy: String
        let status: LifecyclePreview.Status
    }

    static func find(_ repository: Int64, _ sql: any SQLConnection) throws -> Row? {
        try sql.rows(
            "SELECT policy, status FROM lifecycle_preview WHERE repository = $1", [.integer(repository)]
        ).first.map { row in
            Row(
                policy: try row.text(0), status: LifecyclePreview.Status(rawValue: try row.text(1)) ?? .failed)
        }
    }

    /// Begins a preview, which replaces the one before. False while that is being made.
    static func begin(
        _ repository: Int64, policy: String, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Bool {
        if try find(repository, sql)?.status == .inProgress { return false }
        try sql.execute("DELETE FROM lifecycle_preview WHERE repository = $1", [.integer(repository)])
        try sql.execute(
            "INSERT INTO lifecycle_preview (repository, policy, status, started_at) VALUES ($1, $2, $3, $4)",
            [
                .integer(repository), .text(policy), .text(LifecyclePreview.Status.inProgress.rawValue),
                .timestamp(now),
            ])
        return true
    }

    /// The previews that are to be made.
    static func open(_ sql: any SQLConnection) throws -> [LifecycleQueries.Target] {
        try sql.rows(
            """
            SELECT r.account, r.region, r.name FROM lifecycle_preview p JOIN repository r ON r.id = p.repository
            WHERE p.status = $1 ORDER BY p.started_at
            """, [.text(LifecyclePreview.Status.inProgress.rawValue)]
        ).map { row in
            LifecycleQueries.Target(
                registry: try row.registry(0),
                name: try RepositoryName(row.text(2)))
        }
    }

    /// Ends a preview with what it found, which replaces earlier results.
    static func finish(
        _ repository: Int64, _ status: LifecyclePreview.Status, _ results: [LifecyclePreview.Result],
        at now: Timestamp, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            "DELETE FROM lifecycle_preview_result WHERE repository = $1", [.integer(repository)])
        let found = try sql.execute(
            "UPDATE lifecycle_preview SET status = $1, finished_at = $2 WHERE repository = $3",
            [.text(status.rawValue), .timestamp(now), .integer(repository)])
        guard found == 1 else { return }
        for (target, result) in results.enumerated() {
            try sql.execute(
                """
                INSERT INTO lifecycle_preview_result
                    (repository, place, digest, tags, pushed_at, storage_class, action, priority)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                [
                    .integer(repository), .integer(target), .text(result.digest.description),
                    .text(try StoredJSON.text(result.tags.map(\.description))), .timestamp(result.pushedAt),
                    .text(result.storageClass.rawValue), .text(result.action == .expire ? "expire" : "archive"),
                    .integer(result.priority),
                ])
        }
    }

    /// A page of what was found, each with its place in the whole.
    static func results(
        of repository: Int64, _ filter: TagStatus, after target: Int64, limit: Int, _ sql: any SQLConnection
    ) throws -> [(target: Int64, result: LifecyclePreview.Result)] {
        let condition =
            switch filter {
            case .any: ""
            case .tagged: "AND tags <> '[]'"
            case .untagged: "AND tags = '[]'"
            }
        return try sql.rows(
            columns + " AND place > $2 \(condition) ORDER BY place LIMIT $3",
            [.integer(repository), .integer(target), .integer(limit)]
        ).map { (try $0.integer(0), try read($0)) }
    }

    static func result(
        for digest: Digest, of repository: Int64, _ sql: any SQLConnection
    ) throws -> LifecyclePreview.Result? {
        try sql.rows(columns + " AND digest = $2", [.integer(repository), .text(digest.description)])
            .first.map(read)
    }

    static func summary(of repository: Int64, _ sql: any SQLConnection) throws -> LifecyclePreview.Summary {
        let row = try sql.rows(
            """
            SELECT COUNT(*), SUM(CASE WHEN action = 'expire' THEN 1 ELSE 0 END) FROM lifecycle_preview_result
            WHERE repository = $1
            """, [.integer(repository)]
        ).first
        let all = Int(try row?.integer(0) ?? 0)
        let expiring = Int(try row?.optionalInteger(1) ?? 0)
        return LifecyclePreview.Summary(expiring: expiring, archiving: all - expiring)
    }

    /// Deletes the results of previews that ended before `moment`, and marks these as expired.
    static func expire(before moment: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            DELETE FROM lifecycle_preview_result
            WHERE repository IN (SELECT repository FROM lifecycle_preview WHERE finished_at < $1)
            """, [.timestamp(moment)])
        try sql.execute(
            "UPDATE lifecycle_preview SET status = $1 WHERE finished_at < $2",
            [.text(LifecyclePreview.Status.expired.rawValue), .timestamp(moment)])
    }

    private static let columns = """
        SELECT place, digest, tags, pushed_at, storage_class, action, priority FROM lifecycle_preview_result
        WHERE repository = $1
        """

    private static func read(_ row: SQLRow) throws -> LifecyclePreview.Result {
        let tags: [String] = try StoredJSON.read(row.text(2))
        return LifecyclePreview.Result(
            digest: try Digest(row.text(1)), tags: try tags.map { try Tag($0) }, pushedAt: try row.timestamp(3),
            storageClass: LifecycleSelection.StorageClass(rawValue: try row.text(4)) ?? .standard,
            action: try row.text(5) == "expire" ? .expire : .archive, priority: Int(try row.integer(6)))
    }
}
