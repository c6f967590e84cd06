import WeirCore

/// What the collector asks about blobs and their holders (docs/collection.md).
enum CollectionQueries {
    /// A membership: this repository may serve this blob.
    struct Membership: Sendable, Equatable {
        let repository: Int64
        let digest: Digest
    }

    /// A row of `blob`.
    struct StoredRow: Sendable, Equatable {
        let location: BlobLocation
        let size: Int64
        let storedAt: Timestamp
        let fault: BlobFault.State?
    }

    /// A repository that holds a blob, and how.
    struct Holder: Sendable, Equatable {
        let registry: RegistryID
        let name: RepositoryName
        let encryption: Encryption
        /// Pushed here, or named by an image that was: upstream may not have it.
        let isPushed: Bool
        let promisedAt: Timestamp
        /// When an image that names it was last pulled or, never pulled, stored. Nil where no image names it.
        let usedAt: Timestamp?
    }

    /// Memberships that nothing needs any more, in the order of their keys: no image of the repository names the blob, and no
    /// client was promised it after `limit`.
    static func unused(
        after last: Membership?, until limit: Timestamp, count: Int, _ sql: any SQLConnection
    ) throws -> [Membership] {
        try sql.rows(
            """
            SELECT rb.repository, rb.digest FROM repository_blob rb
            WHERE (rb.repository, rb.digest) > ($1, $2) AND rb.promised_at <= $3
            AND NOT EXISTS (SELECT 1 FROM image_blob ib WHERE ib.repository = rb.repository AND ib.digest = rb.digest)
            ORDER BY rb.repository, rb.digest LIMIT $4
            """,
            [
                .integer(last?.repository ?? .min), .text(last?.digest.description ?? ""), .timestamp(limit),
                .integer(count),
            ]
        ).map { Membership(repository: try $0.integer(0), digest: try Digest($0.text(1))) }
    }

    /// The rows of stored blobs, in the order of their keys.
    static func stored(after last: BlobLocation?, count: Int, _ sql: any SQLConnection) throws -> [StoredRow] {
        try sql.rows(
            """
            SELECT scope, digest, size, stored_at, fault FROM blob WHERE (scope, digest) > ($1, $2)
            ORDER BY scope, digest LIMIT $3
            """,
            [.text(last?.scope ?? ""), .text(last?.digest.description ?? ""), .integer(count)]
        ).map {
            StoredRow(
                location: BlobLocation(scope: try $0.text(0), digest: try Digest($0.text(1))), size: try $0.size(2),
                storedAt: try $0.timestamp(3), fault: try $0.optionalText(4).flatMap(BlobFault.State.init(rawValue:)))
        }
    }

    static func stored(_ location: BlobLocation, _ sql: any SQLConnection) throws -> StoredRow? {
        try sql.rows(
            "SELECT size, stored_at, fault FROM blob WHERE scope = $1 AND digest = $2",
            [.text(location.scope), .text(location.digest.description)]
        ).first.map {
            StoredRow(
                location: location, size: try $0.size(0), storedAt: try $0.timestamp(1),
                fault: try $0.optionalText(2).flatMap(BlobFault.State.init(rawValue:)))
        }
    }

    static func storedCount(_ sql: any SQLConnection) throws -> Int64 {
        try sql.rows("SELECT COUNT(*) FROM blob", []).first?.integer(0) ?? 0
    }

    /// The repositories that may serve the digest, whatever key they seal with.
    ///
    /// - Parameter limit: leaves out the memberships that `unused(until: limit)` lists, so that a dry run finds what a real run
    ///   would.
    static func holders(
        of digest: Digest, ignoringUnusedUntil limit: Timestamp? = nil, _ sql: any SQLConnection
    ) throws -> [Holder] {
        try sql.rows(
            """
            SELECT r.account, r.region, r.name, r.kms_key,
                MAX(CASE WHEN rb.origin = 'push' OR i.origin = 'push' THEN 1 ELSE 0 END), MAX(rb.promised_at),
                MAX(COALESCE(i.pulled_at, i.pushed_at))
            FROM repository_blob rb JOIN repository r ON r.id = rb.repository
            LEFT JOIN image_blob ib ON ib.repository = rb.repository AND ib.digest = rb.digest
            LEFT JOIN image i ON i.repository = ib.repository AND i.digest = ib.image
            WHERE rb.digest = $1 AND (rb.promised_at > $2 OR ib.image IS NOT NULL)
            GROUP BY r.id, r.account, r.region, r.name, r.kms_key
            """,
            [.text(digest.description), .integer(limit?.microseconds ?? .min)]
        ).map { row in
            Holder(
                registry: try row.registry(0),
                name: try RepositoryName(row.text(2)),
                encryption: try row.optionalText(3).map { .kms(keyARN: $0) } ?? .aes256, isPushed: try row.flag(4),
                promisedAt: try row.timestamp(5), usedAt: try row.optionalTimestamp(6))
        }
    }
}
