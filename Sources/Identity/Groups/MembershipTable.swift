import WeirCore

/// The rows of `iam_membership`: which users are in which groups.
enum MembershipTable {
    static func put(user: String, in group: String, _ sql: any SQLConnection) throws {
        try sql.execute(
            "INSERT INTO iam_membership (group_id, user_id) VALUES ($1, $2) ON CONFLICT (group_id, user_id) DO NOTHING",
            [.text(group), .text(user)])
    }

    static func delete(user: String, from group: String, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM iam_membership WHERE group_id = $1 AND user_id = $2", [.text(group), .text(user)])
    }

    static func contains(user: String, in group: String, _ sql: any SQLConnection) throws -> Bool {
        try sql.rows("SELECT 1 FROM iam_membership WHERE group_id = $1 AND user_id = $2", [.text(group), .text(user)]).first
            != nil
    }

    /// How many groups the user is in.
    static func count(ofUser user: String, _ sql: any SQLConnection) throws -> Int64 {
        try sql.rows("SELECT COUNT(*) FROM iam_membership WHERE user_id = $1", [.text(user)]).first?.integer(0) ?? 0
    }

    /// The ids of a group's users, in the order of their folded names.
    static func users(of group: String, after: String?, limit: Int, _ sql: any SQLConnection) throws -> [String] {
        try sql.rows(
            """
            SELECT m.user_id FROM iam_membership m JOIN iam_entity e ON e.id = m.user_id
            WHERE m.group_id = $1 AND e.folded_name > $2 ORDER BY e.folded_name LIMIT $3
            """, [.text(group), .text(after ?? ""), .integer(limit)]
        ).map { try $0.text(0) }
    }

    /// The ids of a user's groups, in the order of their folded names.
    static func groups(of user: String, after: String?, limit: Int, _ sql: any SQLConnection) throws -> [String] {
        try sql.rows(
            """
            SELECT m.group_id FROM iam_membership m JOIN iam_entity e ON e.id = m.group_id
            WHERE m.user_id = $1 AND e.folded_name > $2 ORDER BY e.folded_name LIMIT $3
            """, [.text(user), .text(after ?? ""), .integer(limit)]
        ).map { try $0.text(0) }
    }
}
