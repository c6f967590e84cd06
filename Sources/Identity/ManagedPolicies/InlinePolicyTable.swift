import WeirCore

/// The rows of `iam_inline_policy`: the policies that are part of a user, group or role.
enum InlinePolicyTable {
    struct Row: Sendable {
        let name: String
        let document: String
    }

    static func put(_ row: Row, of owner: String, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO iam_inline_policy (owner_id, name, document) VALUES ($1, $2, $3)
            ON CONFLICT (owner_id, name) DO UPDATE SET document = excluded.document
            """, [.text(owner), .text(row.name), .text(row.document)])
    }

    /// By name.
    static func all(of owner: String, _ sql: any SQLConnection) throws -> [Row] {
        try sql.rows("SELECT name, document FROM iam_inline_policy WHERE owner_id = $1 ORDER BY name", [.text(owner)])
            .map { Row(name: try $0.text(0), document: try $0.text(1)) }
    }

    static func document(_ name: String, of owner: String, _ sql: any SQLConnection) throws -> String? {
        try sql.rows(
            "SELECT document FROM iam_inline_policy WHERE owner_id = $1 AND name = $2", [.text(owner), .text(name)]
        ).first?.text(0)
    }

    /// False if there is none of that name.
    static func delete(_ name: String, of owner: String, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM iam_inline_policy WHERE owner_id = $1 AND name = $2", [.text(owner), .text(name)]) == 1
    }
}
