import WeirCore

/// The rows of `lost_blob`, what is in quarantine, and of `lost_holder`, which repositories could serve it.
enum LostTable {
    /// A repository that is here and could serve a digest.
    struct Holder: Sendable {
        let repository: Int64
        let registry: RegistryID
        let encryption: Encryption
        let origin: Origin
    }

    private static let columns = "scope, digest, number, size, why, since, holders"

    static func insert(_ lost: LostBlob, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO lost_blob (\(columns)) VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (scope, digest, number) DO NOTHING
            """,
            [
                .text(lost.blob.location.scope), .text(lost.digest.description), .text(lost.blob.number), .integer(lost.size),
                .text(lost.reason.rawValue), .timestamp(lost.since), .text(try StoredJSON.text(lost.holders)),
            ])
    }

    /// True where it was there.
    static func remove(_ blob: QuarantinedBlob, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM lost_blob WHERE scope = $1 AND digest = $2 AND number = $3",
            [.text(blob.location.scope), .text(blob.location.digest.description), .text(blob.number)]) == 1
    }

    static func find(_ blob: QuarantinedBlob, _ sql: any SQLConnection) throws -> LostBlob? {
        try of(blob.location, sql).first { $0.blob == blob }
    }

    /// Everything in quarantine that lay in a place.
    static func of(_ location: BlobLocation, _ sql: any SQLConnection) throws -> [LostBlob] {
        try sql.rows(
            "SELECT \(columns) FROM lost_blob WHERE scope = $1 AND digest = $2 ORDER BY since, number",
            [.text(location.scope), .text(location.digest.description)]
        ).map(read)
    }

    /// Everything in quarantine that has a digest, whatever key seals it.
    static func of(_ digest: Digest, _ sql: any SQLConnection) throws -> [LostBlob] {
        try sql.rows(
            "SELECT \(columns) FROM lost_blob WHERE digest = $1 ORDER BY since, number", [.text(digest.description)]
        ).map(read)
    }

    /// The oldest first, those after `last`.
    static func list(
        after last: (since: Timestamp, number: String)?, limit: Int, _ sql: any SQLConnection
    ) throws -> [LostBlob] {
        try sql.rows(
            "SELECT \(columns) FROM lost_blob WHERE (since, number) > ($1, $2) ORDER BY since, number LIMIT $3",
            [.integer(last?.since.microseconds ?? .min), .text(last?.number ?? ""), .integer(limit)]
        ).map(read)
    }

    /// Those whose wait is over, the oldest first: unreferenced ones since `unreferenced`, others since `others`.
    static func due(
        unreferencedSince unreferenced: Timestamp, othersSince others: Timestamp,
        after last: (since: Timestamp, number: String)?, limit: Int, _ sql: any SQLConnection
    ) throws -> [LostBlob] {
        try sql.rows(
            """
            SELECT \(columns) FROM lost_blob WHERE (since, number) > ($1, $2)
            AND since <= CASE WHEN why = 'unreferenced' THEN CAST($3 AS BIGINT) ELSE CAST($4 AS BIGINT) END
            ORDER BY since, number LIMIT $5
            """,
            [
                .integer(last?.since.microseconds ?? .min), .text(last?.number ?? ""), .timestamp(unreferenced),
                .timestamp(others), .integer(limit),
            ]
        ).map(read)
    }

    /// How much is in quarantine: all of it, or what entered it by these moments.
    static func total(
        unreferencedSince unreferenced: Timestamp = Timestamp(microseconds: .max),
        othersSince others: Timestamp = Timestamp(microseconds: .max), _ sql: any SQLConnection
    ) throws -> CollectionReport.Count {
        let row = try sql.rows(
            """
            SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM lost_blob
            WHERE since <= CASE WHEN why = 'unreferenced' THEN CAST($1 AS BIGINT) ELSE CAST($2 AS BIGINT) END
            """, [.timestamp(unreferenced), .timestamp(others)]
        ).first
        return CollectionReport.Count(items: try row?.integer(0) ?? 0, bytes: try row?.integer(1) ?? 0)
    }

    private static func read(_ row: SQLRow) throws -> LostBlob {
        let location = BlobLocation(scope: try row.text(0), digest: try Digest(row.text(1)))
        return LostBlob(
            blob: QuarantinedBlob(location: location, number: try row.text(2)), size: try row.integer(3),
            reason: LostBlob.Reason(rawValue: try row.text(4)) ?? .orphan, since: try row.timestamp(5),
            holders: try StoredJSON.read(row.text(6)))
    }

    // MARK: - Who held it

    /// Records in `lost_holder` that the repository could serve the blob. Call it before its membership is deleted.
    static func remember(
        _ digest: Digest, of repository: Int64, at now: Timestamp, _ sql: any SQLConnection
    ) throws {
        try remember("rb.repository = $2 AND rb.digest = $3", [.integer(repository), .text(digest.description)], at: now, sql)
    }

    /// The same for all blobs of a repository. Call it before the repository is deleted.
    static func rememberAll(of repository: Int64, at now: Timestamp, _ sql: any SQLConnection) throws {
        try remember("rb.repository = $2", [.integer(repository)], at: now, sql)
    }

    private static func remember(
        _ condition: String, _ arguments: [SQLValue], at now: Timestamp, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            """
            INSERT INTO lost_holder (digest, repository, account, region, name, kms_key, origin, since)
            SELECT rb.digest, r.id, r.account, r.region, r.name, r.kms_key, rb.origin, CAST($1 AS BIGINT)
            FROM repository_blob rb JOIN repository r ON r.id = rb.repository WHERE \(condition)
            ON CONFLICT (digest, repository) DO UPDATE SET origin = excluded.origin, since = excluded.since
            """, [.timestamp(now)] + arguments)
    }

    /// Repositories that hold a digest or lately held it, as `REGISTRY/NAME` for people.
    static func names(of digest: Digest, limit: Int = 10, _ sql: any SQLConnection) throws -> [String] {
        try sql.rows(
            """
            SELECT account, region, name FROM lost_holder WHERE digest = $1
            UNION SELECT r.account, r.region, r.name FROM repository_blob rb JOIN repository r ON r.id = rb.repository
            WHERE rb.digest = $2 ORDER BY 1, 2, 3 LIMIT $3
            """, [.text(digest.description), .text(digest.description), .integer(limit)]
        ).map { row in
            let registry = try row.registry(0)
            return "\(registry)/\(try row.text(2))"
        }
    }

    /// The existing repositories that a digest may be given back to. Such a repository could serve the digest until it was
    /// taken, can serve it now, or holds a pushed image that names it: no image is pushed before its layers.
    static func holders(of digest: Digest, _ sql: any SQLConnection) throws -> [Holder] {
        try sql.rows(
            """
            SELECT r.id, r.account, r.region, r.kms_key, MAX(h.origin) FROM (
                SELECT repository, origin FROM lost_holder WHERE digest = $1
                UNION ALL SELECT repository, origin FROM repository_blob WHERE digest = $2
                UNION ALL SELECT ib.repository, i.origin FROM image_blob ib
                    JOIN image i ON i.repository = ib.repository AND i.digest = ib.image
                    WHERE ib.digest = $3 AND i.origin = 'push'
            ) AS h JOIN repository r ON r.id = h.repository
            GROUP BY r.id, r.account, r.region, r.kms_key
            """, [.text(digest.description), .text(digest.description), .text(digest.description)]
        ).map { row in
            Holder(
                repository: try row.integer(0),
                registry: try row.registry(1),
                encryption: try row.optionalText(3).map { .kms(keyARN: $0) } ?? .aes256,
                origin: Origin(rawValue: try row.text(4)) ?? .cache)
        }
    }

    /// The encryptions that seal content of this server, or once did, each with its registry.
    static func encryptions(_ sql: any SQLConnection) throws -> [(registry: RegistryID, encryption: Encryption)] {
        try sql.rows(
            """
            SELECT account, region, kms_key FROM repository UNION SELECT account, region, kms_key FROM lost_holder
            UNION SELECT account, region, NULL FROM repository UNION SELECT account, region, NULL FROM lost_holder
            """, []
        ).map { row in
            (
                try row.registry(0),
                try row.optionalText(2).map { .kms(keyARN: $0) } ?? .aes256
            )
        }
    }

    /// Deletes the rows of `lost_holder` up to `limit` whose digest is not in quarantine.
    static func prune(until limit: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            DELETE FROM lost_holder WHERE since <= $1
            AND NOT EXISTS (SELECT 1 FROM lost_blob l WHERE l.digest = lost_holder.digest)
            """, [.timestamp(limit)])
    }
}
