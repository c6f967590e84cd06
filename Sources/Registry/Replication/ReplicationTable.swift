import WeirCore

/// The rows of `image_replication`: for each image and destination what is to be copied, and what became of it.
enum ReplicationTable {
    /// A copy to be made.
    struct Item: Sendable {
        let repository: Int64
        let name: RepositoryName
        let source: RegistryID
        let digest: Digest
        let destination: RegistryID
        /// Those with which it was pushed since the last copy.
        let tags: [Tag]
        /// Identifies this request among those for the same image.
        let requestedAt: Timestamp
        let attempts: Int
    }

    /// Asks for copies of an image that has just been pushed, as its registry's rules say. Call it in the push's transaction:
    /// an acknowledged push is then never left without its copies. False where no rule covers the repository.
    static func enqueue(
        _ digest: Digest, _ tags: [Tag], in repository: Repository, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Bool {
        guard let text = try RegistrySettingTable.find(.replication, of: repository.registry, sql) else { return false }
        let configuration: ReplicationConfiguration = try StoredJSON.read(text)
        let destinations = configuration.destinations(of: repository.name)
        for destination in destinations {
            let before = try sql.rows(
                """
                SELECT tags, requested_at FROM image_replication
                WHERE repository = $1 AND digest = $2 AND account = $3 AND region = $4
                """, key(repository.id, digest, destination)
            ).first
            let waiting: [String] = try before.map { try StoredJSON.read($0.text(0)) } ?? []
            let all = waiting + tags.map(\.description).filter { !waiting.contains($0) }
            // Later than the request before, even where the clock is not: the number tells requests apart.
            let requestedAt = max(now.microseconds, (try before?.integer(1) ?? 0) + 1)
            try sql.execute(
                """
                INSERT INTO image_replication (repository, digest, account, region, tags, status, failure,
                    requested_at, attempts, due_at)
                VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, 0, $8)
                ON CONFLICT (repository, digest, account, region) DO UPDATE SET tags = excluded.tags,
                    status = excluded.status, failure = NULL, requested_at = excluded.requested_at, attempts = 0,
                    due_at = excluded.due_at
                """,
                key(repository.id, digest, destination) + [
                    .text(try StoredJSON.text(all)), .text(ReplicationStatus.State.inProgress.rawValue),
                    .integer(requestedAt), .timestamp(now),
                ])
        }
        return !destinations.isEmpty
    }

    /// Copies whose time has come, the oldest first.
    static func due(at now: Timestamp, limit: Int, _ sql: any SQLConnection) throws -> [Item] {
        try sql.rows(
            """
            SELECT q.repository, r.name, r.account, r.region, q.digest, q.account, q.region, q.tags, q.requested_at,
                q.attempts
            FROM image_replication q JOIN repository r ON r.id = q.repository
            WHERE q.status = $1 AND q.due_at <= $2 ORDER BY q.due_at, q.requested_at LIMIT $3
            """,
            [.text(ReplicationStatus.State.inProgress.rawValue), .timestamp(now), .integer(limit)]
        ).map { row in
            let tags: [String] = try StoredJSON.read(try row.text(7))
            return Item(
                repository: try row.integer(0), name: try RepositoryName(try row.text(1)),
                source: try row.registry(2), digest: try Digest(try row.text(4)), destination: try row.registry(5),
                tags: tags.compactMap { try? Tag($0) }, requestedAt: try row.timestamp(8),
                attempts: Int(try row.integer(9)))
        }
    }

    static func finish(_ item: Item, failure: String?, _ sql: any SQLConnection) throws {
        let state = failure == nil ? ReplicationStatus.State.complete : .failed
        try sql.execute(
            """
            UPDATE image_replication SET status = $1, failure = $2, tags = '[]'
            WHERE repository = $3 AND digest = $4 AND account = $5 AND region = $6 AND requested_at = $7
            """,
            [.text(state.rawValue), .text(failure)] + key(item.repository, item.digest, item.destination)
                + [.timestamp(item.requestedAt)])
    }

    static func postpone(_ item: Item, until due: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            UPDATE image_replication SET attempts = $1, due_at = $2
            WHERE repository = $3 AND digest = $4 AND account = $5 AND region = $6 AND requested_at = $7
            """,
            [.integer(item.attempts + 1), .timestamp(due)] + key(item.repository, item.digest, item.destination)
                + [.timestamp(item.requestedAt)])
    }

    static func statuses(
        of digest: Digest, in repository: Int64, _ sql: any SQLConnection
    ) throws -> [ReplicationStatus] {
        try sql.rows(
            """
            SELECT account, region, status, failure FROM image_replication WHERE repository = $1 AND digest = $2
            ORDER BY account, region
            """, [.integer(repository), .text(digest.description)]
        ).map { row in
            let state = try row.text(2)
            guard let known = ReplicationStatus.State(rawValue: state) else {
                throw StoredValueError(column: "image_replication.status", value: state)
            }
            return ReplicationStatus(
                destination: try row.registry(0), state: known, failure: try row.optionalText(3))
        }
    }

    private static func key(_ repository: Int64, _ digest: Digest, _ destination: RegistryID) -> [SQLValue] {
        [.integer(repository), .text(digest.description)] + destination.columns
    }
}
