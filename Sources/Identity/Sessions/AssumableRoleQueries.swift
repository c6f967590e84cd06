import WeirCore

/// A role with what those need who would assume it.
enum AssumableRoleQueries {
    /// Nil where the account has none of that path and name, letter by letter.
    static func role(_ arn: RoleARN, _ sql: any SQLConnection) throws -> AssumableRole? {
        guard let entity = try EntityTable.find(.role, named: arn.name, in: arn.account, sql), entity.name == arn.name,
            entity.path == arn.path,
            let row = try sql.rows("SELECT trust, max_session_seconds FROM iam_role WHERE id = $1", [.text(entity.id)]).first
        else { return nil }
        return AssumableRole(
            entity: entity, trust: try? PolicyDocument(try row.text(0), as: .trust), maxDuration: .seconds(try row.integer(1)))
    }
}
