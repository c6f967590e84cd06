import WeirCore

/// The rows of `blob`, which blobs lie in the store, and of `repository_blob`, which repository may serve which of them.
enum BlobTable {
    /// What one repository knows about one digest.
    struct BlobStatus: Sendable, Equatable {
        /// How the repository proved that it may serve the blob; nil where it did not.
        let membership: Origin?
        /// The size that the repository's manifests state; nil where none names the blob.
        let named: Int64?
        /// The size of the bytes in the store under the repository's key; nil where there are none.
        let stored: Int64?
        /// When they were stored. It identifies these bytes: a blob that is stored again gets a later one.
        let storedAt: Timestamp?
        /// Why the last reading failed; nil where it did not.
        let fault: BlobFault.State?

        /// The size of the bytes, where a client may be told that they are here.
        var held: Int64? { fault?.wantsBytes == true ? nil : stored }
    }

    static func status(
        of digest: Digest, in repository: Int64, scope: String, _ sql: any SQLConnection
    ) throws -> BlobStatus {
        let row = try sql.rows(
            """
            SELECT m.origin, (SELECT MAX(size) FROM image_blob WHERE repository = $1 AND digest = $2), b.size, b.stored_at, b.fault
            FROM (SELECT 1 AS one) AS one
            LEFT JOIN repository_blob m ON m.repository = $3 AND m.digest = $4
            LEFT JOIN blob b ON b.scope = $5 AND b.digest = $6
            """,
            [
                .integer(repository), .text(digest.description), .integer(repository), .text(digest.description),
                .text(scope), .text(digest.description),
            ]
        ).first
        return BlobStatus(
            membership: try row?.optionalText(0).flatMap(Origin.init(rawValue:)),
            named: try row?.optionalSize(1), stored: try row?.optionalSize(2),
            storedAt: try row?.optionalTimestamp(3), fault: try row?.optionalText(4).flatMap(BlobFault.State.init(rawValue:)))
    }

    /// Records that the store holds the blob. Call it only after the commit there.
    static func stored(_ location: BlobLocation, size: Int64, at now: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO blob (scope, digest, size, stored_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (scope, digest) DO UPDATE SET size = excluded.size,
                fault = NULL, fault_at = NULL, fault_detail = NULL,
                stored_at = CASE WHEN excluded.stored_at > blob.stored_at THEN excluded.stored_at
                            ELSE blob.stored_at + 1 END
            """,
            [.text(location.scope), .text(location.digest.description), .integer(size), .timestamp(now)])
    }

    /// Records why the bytes stored at `moment` could not be read. Bytes that were stored since keep their state.
    static func mark(
        _ location: BlobLocation, storedAt moment: Timestamp?, _ fault: BlobFault, at now: Timestamp, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            "UPDATE blob SET fault = $1, fault_at = $2, fault_detail = $3 WHERE scope = $4 AND digest = $5 AND stored_at = $6",
            [
                .text(fault.state.rawValue), .timestamp(now), .text(String(fault.detail.prefix(500))), .text(location.scope),
                .text(location.digest.description), .timestamp(moment),
            ])
    }

    /// Records that the bytes stored at `moment` can be read.
    static func clear(_ location: BlobLocation, storedAt moment: Timestamp?, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            UPDATE blob SET fault = NULL, fault_at = NULL, fault_detail = NULL
            WHERE scope = $1 AND digest = $2 AND stored_at = $3 AND fault IS NOT NULL
            """,
            [.text(location.scope), .text(location.digest.description), .timestamp(moment)])
    }

    /// Removes the row. Call it only where the bytes have left their place, or are about to.
    static func remove(_ location: BlobLocation, _ sql: any SQLConnection) throws {
        try sql.execute(
            "DELETE FROM blob WHERE scope = $1 AND digest = $2", [.text(location.scope), .text(location.digest.description)])
    }

    /// True if the store holds any blob.
    static func holdsAny(_ sql: any SQLConnection) throws -> Bool {
        try !sql.rows("SELECT 1 FROM blob LIMIT 1", []).isEmpty
    }

    /// True if the store holds a blob in a scope whose name begins with `kind` and a hyphen.
    static func holdsAny(inScopesOf kind: String, _ sql: any SQLConnection) throws -> Bool {
        // `.` comes right after `-` in the order of bytes.
        try !sql.rows(
            "SELECT 1 FROM blob WHERE scope >= $1 AND scope < $2 LIMIT 1", [.text(kind + "-"), .text(kind + ".")]
        ).isEmpty
    }

    /// How many blobs have which fault.
    static func faults(_ sql: any SQLConnection) throws -> [BlobFault.State: Int64] {
        let rows = try sql.rows("SELECT fault, COUNT(*) FROM blob WHERE fault IS NOT NULL GROUP BY fault", [])
        return try rows.reduce(into: [:]) { counts, row in
            if let state = BlobFault.State(rawValue: try row.text(0)) { counts[state] = try row.integer(1) }
        }
    }

    /// A condition on a row of `blob`: a client may be told that the bytes are here (`BlobStatus.held`).
    private static let isHeld = "(fault IS NULL OR fault = 'unreadable')"

    /// Lets the repository serve the blob. A pushed blob stays marked as pushed: upstream may not have it.
    ///
    /// - Parameter promisedAt: now, where a client counts on the blob, as after a push or a mount: the collector then keeps it
    ///   for the grace period. Nil where upstream can give it again.
    static func admit(
        _ digest: Digest, to repository: Int64, _ origin: Origin, promisedAt: Timestamp?, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            """
            INSERT INTO repository_blob (repository, digest, origin, promised_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (repository, digest) DO UPDATE SET
                origin = CASE WHEN repository_blob.origin = 'push' THEN 'push' ELSE excluded.origin END,
                promised_at = CASE WHEN excluded.promised_at > repository_blob.promised_at THEN excluded.promised_at
                              ELSE repository_blob.promised_at END
            """,
            [
                .integer(repository), .text(digest.description), .text(origin.rawValue),
                .integer(promisedAt?.microseconds ?? 0),
            ])
    }

    /// When the repository last promised the blob to a client. Nil where it may not serve the blob, or the bytes are not here.
    static func promisedAt(
        _ digest: Digest, in repository: Int64, scope: String, _ sql: any SQLConnection
    ) throws -> Timestamp? {
        try sql.rows(
            """
            SELECT promised_at FROM repository_blob WHERE repository = $1 AND digest = $2
            AND EXISTS (SELECT 1 FROM blob WHERE scope = $3 AND digest = $4 AND \(isHeld))
            """,
            [.integer(repository), .text(digest.description), .text(scope), .text(digest.description)]
        ).first?.timestamp(0)
    }

    /// Records a promise. False where the repository may no longer serve the blob, or its bytes are gone.
    static func promise(
        _ digest: Digest, in repository: Int64, scope: String, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Bool {
        try sql.execute(
            """
            UPDATE repository_blob SET promised_at = $1 WHERE repository = $2 AND digest = $3
            AND EXISTS (SELECT 1 FROM blob WHERE scope = $4 AND digest = $5 AND \(isHeld))
            """,
            [
                .timestamp(now), .integer(repository), .text(digest.description), .text(scope),
                .text(digest.description),
            ]) == 1
    }

    /// The digests among `digests` that the repository may serve and the store holds, with their sizes.
    static func present(
        _ digests: [Digest], in repository: Int64, scope: String, _ sql: any SQLConnection
    ) throws -> [Digest: Int64] {
        var present: [Digest: Int64] = [:]
        for batch in DigestBatch.all(of: digests) {
            let rows = try sql.rows(
                """
                SELECT m.digest, b.size, b.fault FROM repository_blob m JOIN blob b ON b.scope = $1 AND b.digest = m.digest
                WHERE m.repository = $2 AND m.digest IN (\(batch.placeholders(from: 3)))
                """, [.text(scope), .integer(repository)] + batch.arguments)
            for row in rows where try row.optionalText(2).flatMap(BlobFault.State.init(rawValue:))?.wantsBytes != true {
                present[try Digest(row.text(0))] = try row.size(1)
            }
        }
        return present
    }

    /// The repositories of the registry to which the blob was pushed, by name.
    static func pushers(
        of digest: Digest, in registry: RegistryID, limit: Int, _ sql: any SQLConnection
    ) throws -> [RepositoryName] {
        try sql.rows(
            """
            SELECT r.name FROM repository_blob m JOIN repository r ON r.id = m.repository
            WHERE m.digest = $1 AND m.origin = 'push' AND r.account = $2 AND r.region = $3 ORDER BY r.name LIMIT $4
            """,
            [.text(digest.description)] + registry.columns + [.integer(limit)]
        ).map { try RepositoryName($0.text(0)) }
    }

    /// Takes the blob from the repository. False where it was not there.
    static func expel(_ digest: Digest, from repository: Int64, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM repository_blob WHERE repository = $1 AND digest = $2",
            [.integer(repository), .text(digest.description)]) == 1
    }

    /// Takes the blob from the repository if nothing needs it there at this moment: no image names it, and no client has been
    /// promised it after `limit`. Records in `lost_holder` that the repository had it.
    static func expelUnused(
        _ digest: Digest, from repository: Int64, promisedUntil limit: Timestamp, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Bool {
        try LostTable.remember(digest, of: repository, at: now, sql)
        return try sql.execute(
            """
            DELETE FROM repository_blob WHERE repository = $1 AND digest = $2 AND promised_at <= $3
            AND NOT EXISTS (SELECT 1 FROM image_blob ib WHERE ib.repository = $4 AND ib.digest = $5)
            """,
            [
                .integer(repository), .text(digest.description), .timestamp(limit), .integer(repository),
                .text(digest.description),
            ]) == 1
    }

    /// Records where upstream the repository's blob, or its right to it, came from (`UpstreamSource.location`).
    static func came(
        _ digest: Digest, to repository: Int64, from location: String, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            "UPDATE repository_blob SET source = $1 WHERE repository = $2 AND digest = $3",
            [.text(location), .integer(repository), .text(digest.description)])
    }

    /// True if a repository of the registry got the blob from this place upstream, whatever its rule names now.
    static func cameFrom(
        _ location: String, _ digest: Digest, registry: RegistryID, _ sql: any SQLConnection
    ) throws -> Bool {
        try !sql.rows(
            """
            SELECT 1 FROM repository_blob b JOIN repository r ON r.id = b.repository
            WHERE b.digest = $1 AND b.origin = $2 AND b.source = $3 AND r.account = $4 AND r.region = $5 LIMIT 1
            """,
            [.text(digest.description), .text(Origin.cache.rawValue), .text(location)] + registry.columns
        ).isEmpty
    }

    // MARK: - Blobs and the images that name them

    /// True if an image of the repository names the blob.
    static func isNamed(_ digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> Bool {
        try !sql.rows(
            "SELECT 1 FROM image_blob WHERE repository = $1 AND digest = $2 LIMIT 1",
            [.integer(repository), .text(digest.description)]
        ).isEmpty
    }

    /// How many blobs the image names, and how many of them the repository can serve now.
    static func presence(
        of image: Digest, in repository: Int64, scope: String, _ sql: any SQLConnection
    ) throws -> (all: Int64, here: Int64) {
        let row = try sql.rows(
            """
            SELECT COUNT(*), COUNT(b.digest) FROM image_blob i
            LEFT JOIN repository_blob m ON m.repository = i.repository AND m.digest = i.digest
            LEFT JOIN blob b ON b.scope = $1 AND b.digest = m.digest AND b.fault IS NULL
            WHERE i.repository = $2 AND i.image = $3
            """,
            [.text(scope), .integer(repository), .text(image.description)]
        ).first
        return (try row?.integer(0) ?? 0, try row?.integer(1) ?? 0)
    }

    /// True if images name the blob, and none of them can be pulled.
    static func isOnlyInArchive(_ digest: Digest, in repository: Int64, _ sql: any SQLConnection) throws -> Bool {
        let statuses = try sql.rows(
            """
            SELECT DISTINCT i.status FROM image_blob b
            JOIN image i ON i.repository = b.repository AND i.digest = b.image
            WHERE b.repository = $1 AND b.digest = $2
            """, [.integer(repository), .text(digest.description)]
        ).map { try $0.text(0) }
        return !statuses.isEmpty && !statuses.contains(ImageStatus.active.rawValue)
    }
}
