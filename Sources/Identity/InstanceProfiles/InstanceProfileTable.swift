import WeirCore

/// The rows of `iam_instance_profile`: which role an instance profile has.
enum InstanceProfileTable {
    static func insert(id: String, _ sql: any SQLConnection) throws {
        try sql.execute("INSERT INTO iam_instance_profile (id) VALUES ($1)", [.text(id)])
    }

    static func delete(id: String, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM iam_instance_profile WHERE id = $1", [.text(id)])
    }

    /// The id of its role; nil where it has none.
    static func role(of id: String, _ sql: any SQLConnection) throws -> String? {
        try sql.rows("SELECT role_id FROM iam_instance_profile WHERE id = $1", [.text(id)]).first?.optionalText(0)
    }

    static func set(role: String?, of id: String, _ sql: any SQLConnection) throws {
        try sql.execute("UPDATE iam_instance_profile SET role_id = $1 WHERE id = $2", [.text(role), .text(id)])
    }

    /// The ids of the profiles that have the role, in the order of their folded names.
    static func profiles(of role: String, after: String?, limit: Int, _ sql: any SQLConnection) throws -> [String] {
        try sql.rows(
            """
            SELECT p.id FROM iam_instance_profile p JOIN iam_entity e ON e.id = p.id
            WHERE p.role_id = $1 AND e.folded_name > $2 ORDER BY e.folded_name LIMIT $3
            """, [.text(role), .text(after ?? ""), .integer(limit)]
        ).map { try $0.text(0) }
    }
}
