import WeirCore

/// The rows of `iam_role`: what a role has beside what all entities have.
enum RoleTable {
    struct Row: Sendable {
        let id: String
        var trust: String
        /// The unique ids of those whom the trust policy names, by the ARNs that it has for them.
        var pins: [String: String]
        var maxSessionSeconds: Int64
        let service: String?
        var lastUse: LastUse?
    }

    static func insert(_ row: Row, _ sql: any SQLConnection) throws {
        try sql.execute(
            "INSERT INTO iam_role (id, trust, trust_pins, max_session_seconds, service) VALUES ($1, $2, $3, $4, $5)",
            [
                .text(row.id), .text(row.trust), .text(pinsText(row.pins)), .integer(row.maxSessionSeconds), .text(row.service),
            ])
    }

    static func find(id: String, _ sql: any SQLConnection) throws -> Row? {
        try sql.rows(
            """
            SELECT trust, trust_pins, max_session_seconds, service, last_used_at, last_used_region FROM iam_role WHERE id = $1
            """, [.text(id)]
        ).first.map { row in
            let lastUse = try row.optionalTimestamp(4).map { at in
                LastUse(at: at, service: "", region: try row.optionalText(5) ?? "")
            }
            return Row(
                id: id, trust: try row.text(0), pins: pins(try row.text(1)), maxSessionSeconds: try row.integer(2),
                service: try row.optionalText(3), lastUse: lastUse)
        }
    }

    static func update(_ row: Row, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE iam_role SET trust = $1, trust_pins = $2, max_session_seconds = $3 WHERE id = $4",
            [.text(row.trust), .text(pinsText(row.pins)), .integer(row.maxSessionSeconds), .text(row.id)])
    }

    static func delete(id: String, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM iam_role WHERE id = $1", [.text(id)])
    }

    static func setLastUse(_ use: LastUse, of id: String, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE iam_role SET last_used_at = $1, last_used_region = $2 WHERE id = $3",
            [.timestamp(use.at), .text(use.region), .text(id)])
    }

    /// Throws IAM's refusal for a role that belongs to an AWS service.
    static func requireModifiable(_ role: Entity, _ sql: any SQLConnection) throws {
        guard try find(id: role.id, sql)?.service != nil || role.path.hasPrefix(ServiceLinkedRole.path) else { return }
        throw Refusal(
            .unmodifiableEntity,
            "Cannot perform the operation on the protected role '\(role.name)' - this role is only modifiable by AWS")
    }

    private static func pinsText(_ pins: [String: String]) -> String { JSONValue.object(pins.mapValues { .string($0) }).text }

    private static func pins(_ text: String) -> [String: String] {
        guard case .object(let members)? = try? JSONValue(parsing: text.utf8) else { return [:] }
        return members.compactMapValues { if case .string(let id) = $0 { id } else { nil } }
    }
}
