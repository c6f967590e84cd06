import WeirCore

/// The rows of `secret_version` and `secret_stage`.
enum SecretVersionTable {
    /// A version with its sealed value.
    struct Row: Sendable {
        let id: String
        let kmsKeyARN: String
        let sealed: [UInt8]
        let createdAt: Timestamp
        var accessedAt: Timestamp?
    }

    private static let columns = "id, kms_key, sealed, created_at, accessed_at"

    /// All versions, the newest first, each with its stages in order of their names.
    static func all(of arn: String, _ sql: any SQLConnection) throws -> [SecretVersion] {
        let stages = try stages(of: arn, sql)
        return try sql.rows(
            """
            SELECT id, created_at, accessed_at, kms_key FROM secret_version WHERE secret = $1
            ORDER BY created_at DESC, id
            """, [.text(arn)]
        ).map { row in
            let id = try row.text(0)
            return SecretVersion(
                id: id, createdAt: try row.timestamp(1), accessedAt: try row.optionalTimestamp(2),
                kmsKeyARN: try row.text(3), stages: stages.filter { $0.version == id }.map(\.name))
        }
    }

    static func stages(of arn: String, _ sql: any SQLConnection) throws -> [(name: String, version: String)] {
        try sql.rows("SELECT name, version FROM secret_stage WHERE secret = $1 ORDER BY name", [.text(arn)])
            .map { row in (try row.text(0), try row.text(1)) }
    }

    static func stages(of arn: String, version: String, _ sql: any SQLConnection) throws -> [String] {
        try stages(of: arn, sql).filter { $0.version == version }.map(\.name)
    }

    static func find(_ id: String, of arn: String, _ sql: any SQLConnection) throws -> Row? {
        try sql.rows(
            "SELECT \(columns) FROM secret_version WHERE secret = $1 AND id = $2", [.text(arn), .text(id)]
        ).first.map(row)
    }

    /// The version that a stage names.
    static func find(stage: String, of arn: String, _ sql: any SQLConnection) throws -> Row? {
        guard let version = try stages(of: arn, sql).first(where: { $0.name == stage })?.version else { return nil }
        return try find(version, of: arn, sql)
    }

    static func insert(_ row: Row, of arn: String, _ sql: any SQLConnection) throws {
        try sql.execute(
            "INSERT INTO secret_version (secret, \(columns)) VALUES ($1, $2, $3, $4, $5, $6)",
            [
                .text(arn), .text(row.id), .text(row.kmsKeyARN), .bytes(row.sealed), .timestamp(row.createdAt),
                .timestamp(row.accessedAt),
            ])
    }

    /// Replaces a version's value by the same one, sealed by another key.
    static func reseal(_ row: Row, of arn: String, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE secret_version SET kms_key = $1, sealed = $2 WHERE secret = $3 AND id = $4",
            [.text(row.kmsKeyARN), .bytes(row.sealed), .text(arn), .text(row.id)])
    }

    static func touch(_ id: String, of arn: String, at day: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE secret_version SET accessed_at = $1 WHERE secret = $2 AND id = $3",
            [.timestamp(day), .text(arn), .text(id)])
        try SecretTable.touch(arn, at: day, sql)
    }

    /// Makes `stage` name `version`. The version that was current until now becomes the previous one.
    static func attach(_ stage: String, to version: String, of arn: String, _ sql: any SQLConnection) throws {
        if stage == SecretVersion.current,
            let old = try stages(of: arn, sql).first(where: { $0.name == SecretVersion.current })?.version,
            old != version
        {
            try put(SecretVersion.previous, version: old, of: arn, sql)
        }
        try put(stage, version: version, of: arn, sql)
    }

    static func detach(_ stage: String, of arn: String, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM secret_stage WHERE secret = $1 AND name = $2", [.text(arn), .text(stage)])
    }

    private static func put(_ stage: String, version: String, of arn: String, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO secret_stage (secret, name, version) VALUES ($1, $2, $3)
            ON CONFLICT (secret, name) DO UPDATE SET version = excluded.version
            """, [.text(arn), .text(stage), .text(version)])
    }

    /// Deletes versions as Secrets Manager does: those without a stage that are older than a day and not among the 100 newest.
    static func prune(_ arn: String, at now: Timestamp, _ sql: any SQLConnection) throws {
        for version in try all(of: arn, sql).dropFirst(100)
        where version.stages.isEmpty && version.createdAt < now + .days(-1) {
            try sql.execute(
                "DELETE FROM secret_version WHERE secret = $1 AND id = $2", [.text(arn), .text(version.id)])
        }
    }

    private static func row(_ row: SQLRow) throws -> Row {
        Row(
            id: try row.text(0), kmsKeyARN: try row.text(1), sealed: try row.bytes(2),
            createdAt: try row.timestamp(3), accessedAt: try row.optionalTimestamp(4))
    }
}
