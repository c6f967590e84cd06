package import WeirCore

/// What an account has, read across the tables.
enum AccountQueries {
    static func policyVersions(in account: AccountID, _ sql: any SQLConnection) throws -> Int64 {
        try sql.rows(
            """
            SELECT COUNT(*) FROM iam_policy_version v JOIN iam_entity e ON e.id = v.policy_id
            WHERE e.account = $1 AND e.kind = 'policy'
            """, [.text(account)]
        ).first?.integer(0) ?? 0
    }

    /// The names of a user's groups, in order.
    static func groups(ofUser id: String, _ sql: any SQLConnection) throws -> [String] {
        try sql.rows(
            """
            SELECT e.name FROM iam_membership m JOIN iam_entity e ON e.id = m.group_id WHERE m.user_id = $1 ORDER BY e.folded_name
            """, [.text(id)]
        ).map { try $0.text(0) }
    }

    static func role(_ id: String, _ sql: any SQLConnection) throws -> RoleFacts? {
        try sql.rows(
            "SELECT trust, max_session_seconds, last_used_at, last_used_region FROM iam_role WHERE id = $1", [.text(id)]
        ).first.map { row in
            RoleFacts(
                trust: try row.text(0), maxSessionSeconds: try row.integer(1), lastUsedAt: try row.optionalTimestamp(2),
                lastUsedRegion: try row.optionalText(3))
        }
    }

    /// The instance profiles that have a role.
    static func instanceProfiles(ofRole id: String, _ sql: any SQLConnection) throws -> [Entity] {
        try sql.rows("SELECT id FROM iam_instance_profile WHERE role_id = $1 ORDER BY id", [.text(id)])
            .compactMap { row in try EntityTable.find(id: row.text(0), sql) }
    }
}

/// What a role has beside what all entities have.
package struct RoleFacts: Sendable, Equatable {
    /// Its trust policy, as it was given.
    package let trust: String
    package let maxSessionSeconds: Int64
    package let lastUsedAt: Timestamp?
    package let lastUsedRegion: String?
}
