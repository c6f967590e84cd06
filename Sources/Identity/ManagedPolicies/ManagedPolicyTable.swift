import WeirCore

/// The rows of `iam_policy` and `iam_policy_version`.
enum ManagedPolicyTable {
    static func insert(_ id: String, document: String, at now: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute("INSERT INTO iam_policy (id, default_version, last_version) VALUES ($1, 1, 1)", [.text(id)])
        try insertVersion(1, of: id, document: document, at: now, sql)
    }

    static func defaultVersion(of id: String, _ sql: any SQLConnection) throws -> Int64 {
        try sql.rows("SELECT default_version FROM iam_policy WHERE id = $1", [.text(id)]).first?.integer(0) ?? 1
    }

    /// The next version's number. No number is given twice, whatever is deleted.
    static func nextVersion(of id: String, _ sql: any SQLConnection) throws -> Int64 {
        try sql.rows(
            "UPDATE iam_policy SET last_version = last_version + 1 WHERE id = $1 RETURNING last_version", [.text(id)]
        ).first?.integer(0) ?? 1
    }

    static func insertVersion(
        _ number: Int64, of id: String, document: String, at now: Timestamp, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            "INSERT INTO iam_policy_version (policy_id, version, document, created_at) VALUES ($1, $2, $3, $4)",
            [.text(id), .integer(number), .text(document), .timestamp(now)])
    }

    static func setDefault(_ number: Int64, of id: String, _ sql: any SQLConnection) throws {
        try sql.execute("UPDATE iam_policy SET default_version = $1 WHERE id = $2", [.integer(number), .text(id)])
    }

    /// The newest first.
    static func versions(of id: String, _ sql: any SQLConnection) throws -> [ManagedPolicyVersion] {
        let standard = try defaultVersion(of: id, sql)
        return try sql.rows(
            "SELECT version, document, created_at FROM iam_policy_version WHERE policy_id = $1 ORDER BY version DESC", [.text(id)]
        ).map { row in
            let number = try row.integer(0)
            return ManagedPolicyVersion(
                number: number, isDefault: number == standard, document: try row.text(1), createdAt: try row.timestamp(2))
        }
    }

    /// False if there is none of that number.
    static func deleteVersion(_ number: Int64, of id: String, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM iam_policy_version WHERE policy_id = $1 AND version = $2", [.text(id), .integer(number)]) == 1
    }

    static func delete(_ id: String, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM iam_policy_version WHERE policy_id = $1", [.text(id)])
        try sql.execute("DELETE FROM iam_policy WHERE id = $1", [.text(id)])
    }
}
