import WeirCore

/// The rows of `iam_attachment`: which managed policies a user, group or role has, by ARN in the partition `aws`.
enum AttachmentTable {
    /// Attaches; nothing happens where it is attached already.
    static func insert(_ arn: String, to owner: String, at now: Timestamp, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO iam_attachment (owner_id, policy_arn, attached_at) VALUES ($1, $2, $3)
            ON CONFLICT (owner_id, policy_arn) DO NOTHING
            """, [.text(owner), .text(arn), .timestamp(now)])
    }

    /// False if it was not attached.
    static func delete(_ arn: String, from owner: String, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM iam_attachment WHERE owner_id = $1 AND policy_arn = $2", [.text(owner), .text(arn)]) == 1
    }

    /// In the order of their ARNs.
    static func arns(of owner: String, _ sql: any SQLConnection) throws -> [String] {
        try sql.rows("SELECT policy_arn FROM iam_attachment WHERE owner_id = $1 ORDER BY policy_arn", [.text(owner)])
            .map { try $0.text(0) }
    }
}
