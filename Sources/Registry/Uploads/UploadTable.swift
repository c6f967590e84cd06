import WeirCore

/// What a client was told of an upload, and what therefore survives a restart.
struct UploadRecord: Sendable, Equatable {
    /// The parts that came by ECR's layer API, which has rules for them. The registry API has none.
    struct Parts: Sendable, Equatable {
        var count: Int64 = 0
        var last: Int64 = 0
        /// Parts that were too small for any but the last.
        var short: Int64 = 0
    }

    let id: String
    let repository: Int64
    /// Bytes.
    var received: Int64 = 0
    /// The staged blob that holds all but the tail; nil before the first byte.
    var staged: String?
    /// The last bytes, sealed: they fill no segment yet.
    var tail: [UInt8]?
    var parts = Parts()
}

/// The rows of `upload`.
enum UploadTable {
    static func insert(
        _ id: String, repository: Repository, by caller: Caller, at now: Timestamp, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            """
            INSERT INTO upload (id, repository, account, region, touched_at, received, parts, last_part, short_parts, principal)
            VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, $6)
            """,
            [.text(id), .integer(repository.id)] + repository.registry.columns + [
                .timestamp(now), .text(caller.principalARN),
            ])
    }

    /// True if the registry has `limit` open uploads or more. Counts no further.
    static func holds(_ limit: Int, in registry: RegistryID, _ sql: any SQLConnection) throws -> Bool {
        try !sql.rows(
            "SELECT 1 FROM upload WHERE account = $1 AND region = $2 LIMIT 1 OFFSET $3",
            registry.columns + [.integer(limit - 1)]
        ).isEmpty
    }

    /// The same for one repository.
    static func holds(_ limit: Int, in repository: Repository, _ sql: any SQLConnection) throws -> Bool {
        try !sql.rows(
            "SELECT 1 FROM upload WHERE repository = $1 LIMIT 1 OFFSET $2", [.integer(repository.id), .integer(limit - 1)]
        ).isEmpty
    }

    /// The same for what one caller has begun in a registry.
    static func holds(
        _ limit: Int, by caller: Caller, in registry: RegistryID, _ sql: any SQLConnection
    ) throws -> Bool {
        try !sql.rows(
            "SELECT 1 FROM upload WHERE account = $1 AND region = $2 AND principal = $3 LIMIT 1 OFFSET $4",
            registry.columns + [.text(caller.principalARN), .integer(limit - 1)]
        ).isEmpty
    }

    static func find(_ id: String, in repository: Int64, _ sql: any SQLConnection) throws -> UploadRecord? {
        try sql.rows(
            """
            SELECT received, staged, tail, parts, last_part, short_parts FROM upload
            WHERE id = $1 AND repository = $2
            """, [.text(id), .integer(repository)]
        ).first.map { row in
            UploadRecord(
                id: id, repository: repository, received: try row.integer(0), staged: try row.optionalText(1),
                tail: try row.optionalBytes(2),
                parts: UploadRecord.Parts(
                    count: try row.integer(3), last: try row.integer(4), short: try row.integer(5)))
        }
    }

    /// Records how far the upload has come. False where it has ended.
    static func update(_ record: UploadRecord, at now: Timestamp, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            """
            UPDATE upload SET touched_at = $1, received = $2, staged = $3, tail = $4, parts = $5, last_part = $6,
                short_parts = $7 WHERE id = $8
            """,
            [
                .timestamp(now), .integer(record.received), .text(record.staged), record.tail.map { .bytes($0) } ?? .null,
                .integer(record.parts.count), .integer(record.parts.last), .integer(record.parts.short),
                .text(record.id),
            ]) == 1
    }

    static func remove(_ id: String, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM upload WHERE id = $1", [.text(id)])
    }

    /// An upload is given up where it was last touched before `begun` or, without any bytes, before `empty`.
    struct Patience: Sendable {
        let begun: Timestamp
        let empty: Timestamp
    }

    /// The uploads to be given up, and those whose repository is gone (`isHomeless`), with their staged blobs.
    static func abandoned(
        _ patience: Patience, _ sql: any SQLConnection
    ) throws -> [(id: String, staged: String?, isHomeless: Bool)] {
        try sql.rows(
            """
            SELECT id, staged, CASE WHEN EXISTS (SELECT 1 FROM repository r WHERE r.id = upload.repository) THEN 0 ELSE 1 END
            FROM upload WHERE \(isAbandoned)
            """, [.timestamp(patience.begun), .timestamp(patience.empty)]
        ).map { (try $0.text(0), try $0.optionalText(1), try $0.flag(2)) }
    }

    /// Deletes the row of one of them, and tells its staged blob. Nil where it has been touched since.
    static func removeAbandoned(
        _ id: String, _ patience: Patience, _ sql: any SQLConnection
    ) throws -> (staged: String?, id: String)? {
        try sql.rows(
            "DELETE FROM upload WHERE (\(isAbandoned)) AND id = $3 RETURNING staged, id",
            [.timestamp(patience.begun), .timestamp(patience.empty), .text(id)]
        ).first.map { (try $0.optionalText(0), try $0.text(1)) }
    }

    private static let isAbandoned =
        """
        touched_at < $1 OR (received = 0 AND touched_at < $2)
        OR NOT EXISTS (SELECT 1 FROM repository r WHERE r.id = upload.repository)
        """

    /// Every upload's staged blob.
    static func staged(_ sql: any SQLConnection) throws -> [(id: String, staged: String)] {
        try sql.rows("SELECT id, staged FROM upload WHERE staged IS NOT NULL", [])
            .map { (try $0.text(0), try $0.text(1)) }
    }
}
