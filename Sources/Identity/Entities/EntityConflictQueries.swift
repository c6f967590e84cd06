import WeirCore

/// What hangs on a user, group, role or instance profile and keeps it from being deleted.
enum EntityConflictQueries {
    typealias Check = (first: String, isInTheWay: @Sendable (_ id: String, _ sql: any SQLConnection) throws -> Bool)

    /// In the order in which IAM tells of them.
    static func checks(of kind: EntityKind) -> [Check] {
        switch kind {
        case .user: [attachments, inlinePolicies, accessKeys, groups]
        case .group: [attachments, inlinePolicies, users]
        case .role: [attachments, inlinePolicies, profiles]
        case .instanceProfile: [roles]
        case .policy, .oidcProvider: []
        }
    }

    private static let attachments = check("detach all policies", "SELECT 1 FROM iam_attachment WHERE owner_id = $1 LIMIT 1")
    private static let inlinePolicies = check("delete policies", "SELECT 1 FROM iam_inline_policy WHERE owner_id = $1 LIMIT 1")
    private static let accessKeys = check("delete access keys", "SELECT 1 FROM access_key WHERE user_id = $1 LIMIT 1")
    private static let groups = check("remove users from group", "SELECT 1 FROM iam_membership WHERE user_id = $1 LIMIT 1")
    private static let users = check("remove users from group", "SELECT 1 FROM iam_membership WHERE group_id = $1 LIMIT 1")
    private static let profiles = check(
        "remove roles from instance profile", "SELECT 1 FROM iam_instance_profile WHERE role_id = $1 LIMIT 1")
    private static let roles = check(
        "remove roles from instance profile", "SELECT 1 FROM iam_instance_profile WHERE id = $1 AND role_id IS NOT NULL LIMIT 1")

    private static func check(_ first: String, _ query: String) -> Check {
        (first, { id, sql in try sql.rows(query, [.text(id)]).first != nil })
    }
}
