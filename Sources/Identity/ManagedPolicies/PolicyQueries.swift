import WeirCore

/// Who uses which managed policy, read across the tables. Each ARN is in the partition `aws`, as the tables have it.
enum PolicyQueries {
    /// In one account.
    static func usage(of arn: String, in account: AccountID, _ sql: any SQLConnection) throws -> PolicyUsage {
        let attached = try sql.rows(
            """
            SELECT COUNT(*) FROM iam_attachment a JOIN iam_entity e ON e.id = a.owner_id WHERE a.policy_arn = $1 AND e.account = $2
            """, [.text(arn), .text(account)])
        let bounding = try sql.rows(
            "SELECT COUNT(*) FROM iam_entity WHERE account = $1 AND boundary = $2", [.text(account), .text(arn)])
        return PolicyUsage(attachments: try attached.first?.integer(0) ?? 0, boundaries: try bounding.first?.integer(0) ?? 0)
    }

    /// Of all policies that are used in an account, by ARN.
    static func usages(in account: AccountID, _ sql: any SQLConnection) throws -> [String: PolicyUsage] {
        var usages: [String: PolicyUsage] = [:]
        let attached = try sql.rows(
            """
            SELECT a.policy_arn, COUNT(*) FROM iam_attachment a JOIN iam_entity e ON e.id = a.owner_id
            WHERE e.account = $1 GROUP BY a.policy_arn
            """, [.text(account)])
        for row in attached { usages[try row.text(0), default: PolicyUsage()].attachments = try row.integer(1) }
        let bounding = try sql.rows(
            "SELECT boundary, COUNT(*) FROM iam_entity WHERE account = $1 AND boundary IS NOT NULL GROUP BY boundary",
            [.text(account)])
        for row in bounding { usages[try row.text(0), default: PolicyUsage()].boundaries = try row.integer(1) }
        return usages
    }

    /// The users, groups and roles of an account that a policy is attached to, by kind and then by name.
    ///
    /// - Parameters:
    ///   - path: what their paths begin with.
    ///   - after: the kind and the folded name after which to begin.
    static func owners(
        of arn: String, in account: AccountID, _ usage: PolicyUse?, path: String, after: (kind: String, name: String),
        limit: Int, _ sql: any SQLConnection
    ) throws -> [Entity] {
        try sql.rows(
            """
            SELECT id FROM iam_entity WHERE account = $1 AND (kind > $2 OR (kind = $2 AND folded_name > $3))
            AND substr(path, 1, length($4)) = $4
            AND ((CAST($5 AS BIGINT) = 1 AND id IN (SELECT owner_id FROM iam_attachment WHERE policy_arn = $6))
                OR (CAST($7 AS BIGINT) = 1 AND boundary = $6))
            ORDER BY kind, folded_name LIMIT $8
            """,
            [
                .text(account), .text(after.kind), .text(after.name), .text(path), .flag(usage != .boundary), .text(arn),
                .flag(usage != .permissions), .integer(limit),
            ]
        ).compactMap { row in try EntityTable.find(id: row.text(0), sql) }
    }
}

/// What a managed policy is used for.
package enum PolicyUse: String, Sendable, CaseIterable {
    case permissions = "PermissionsPolicy"
    case boundary = "PermissionsBoundary"
}
