package import WeirCore

/// What accounts have, read across the tables.
enum AccountListQueries {
    /// In the order of their numbers.
    ///
    /// - Parameter after: the account after which to begin.
    static func list(after: String?, limit: Int, _ sql: any SQLConnection) throws -> [AccountSummary] {
        try sql.rows(
            """
            SELECT a.account, a.alias, a.created_at, a.disabled_at,
                (SELECT COUNT(*) FROM access_key k WHERE k.account = a.account AND k.is_root = 1),
                (SELECT COUNT(*) FROM access_key k WHERE k.account = a.account AND k.is_root = 0),
                (SELECT COUNT(*) FROM iam_entity e WHERE e.account = a.account AND e.kind = 'user'),
                (SELECT COUNT(*) FROM iam_entity e WHERE e.account = a.account AND e.kind = 'role')
            FROM iam_account a WHERE a.account > $1 ORDER BY a.account LIMIT $2
            """, [.text(after ?? ""), .integer(limit)]
        ).map { row in
            AccountSummary(
                account: try AccountTable.account(row), rootKeys: try row.integer(4), userKeys: try row.integer(5),
                users: try row.integer(6), roles: try row.integer(7))
        }
    }

    /// In the order of their ids.
    ///
    /// - Parameters:
    ///   - account: nil for the keys of all accounts.
    ///   - after: the id after which to begin.
    static func keys(
        of account: AccountID?, after: String?, limit: Int, _ sql: any SQLConnection
    ) throws -> [AccessKeySummary] {
        let bound = account == nil ? "" : "AND k.account = $2"
        return try sql.rows(
            """
            SELECT k.id, k.account, k.is_root, k.user_id, k.created_at, k.status, k.last_used_at, k.last_used_service,
                k.last_used_region, e.name
            FROM access_key k LEFT JOIN iam_entity e ON e.id = k.user_id
            WHERE k.id > $1 \(bound) ORDER BY k.id LIMIT \(account == nil ? "$2" : "$3")
            """, [.text(after ?? "")] + (account.map { [.text($0)] } ?? []) + [.integer(limit)]
        ).map { row in
            let isRoot = try row.flag(2)
            return AccessKeySummary(
                id: try row.text(0), account: try AccountID(row.text(1)), isRoot: isRoot,
                userName: isRoot ? nil : try row.optionalText(9), createdAt: try row.timestamp(4),
                status: AccessKeys.Status(rawValue: try row.text(5)) ?? .inactive,
                lastUse: try row.optionalTimestamp(6).map { moment in
                    AccessKeySummary.Use(
                        at: moment, service: try row.optionalText(7), region: try row.optionalText(8))
                })
        }
    }
}

/// An access key without its secret, for lists.
package struct AccessKeySummary: Sendable {
    package struct Use: Sendable {
        package let at: Timestamp
        /// `ecr`, `iam`, ….
        package let service: String?
        package let region: String?
    }

    package let id: String
    package let account: AccountID
    package let isRoot: Bool
    /// The owner's; nil for a root key, and for a user that is gone.
    package let userName: String?
    package let createdAt: Timestamp
    package let status: AccessKeys.Status
    /// Of the last signature; nil for a key that has not been used.
    package let lastUse: Use?
}
