import WeirCore

/// Reads what belongs to an entity, across the tables.
enum EntityRecordQueries {
    static func record(of entity: Entity, _ sql: any SQLConnection) throws -> EntityRecord {
        var record = EntityRecord(entity: entity)
        switch entity.kind {
        case .user:
            try policies(of: &record, sql)
            record.groups = try sql.rows(
                """
                SELECT e.name FROM iam_membership m JOIN iam_entity e ON e.id = m.group_id WHERE m.user_id = $1
                ORDER BY e.folded_name
                """, [.text(entity.id)]
            ).map { try $0.text(0) }
        case .group: try policies(of: &record, sql)
        case .role:
            try policies(of: &record, sql)
            record.trust = try sql.rows(
                "SELECT trust, trust_pins, max_session_seconds FROM iam_role WHERE id = $1", [.text(entity.id)]
            ).first.map { row in
                EntityRecord.Trust(
                    document: try row.text(0), pins: pins(try row.text(1)), maxSessionSeconds: try row.integer(2))
            }
        case .policy: record.versions = try versions(of: entity, sql)
        case .instanceProfile:
            record.role = try sql.rows(
                "SELECT e.name FROM iam_instance_profile p JOIN iam_entity e ON e.id = p.role_id WHERE p.id = $1",
                [.text(entity.id)]
            ).first?.text(0)
        case .oidcProvider:
            record.provider = try sql.rows(
                "SELECT url, client_ids, thumbprints, key_set FROM iam_oidc_provider WHERE id = $1", [.text(entity.id)]
            ).first.map { row in
                EntityRecord.Provider(
                    url: try row.text(0), clientIDs: try row.text(1), thumbprints: try row.text(2),
                    keySet: try row.optionalText(3))
            }
        }
        return record
    }

    private static func policies(of record: inout EntityRecord, _ sql: any SQLConnection) throws {
        record.inline = try sql.rows(
            "SELECT name, document FROM iam_inline_policy WHERE owner_id = $1 ORDER BY name", [.text(record.entity.id)]
        ).map { EntityRecord.InlinePolicy(name: try $0.text(0), document: try $0.text(1)) }
        record.attached = try sql.rows(
            "SELECT policy_arn FROM iam_attachment WHERE owner_id = $1 ORDER BY policy_arn", [.text(record.entity.id)]
        ).map { try $0.text(0) }
    }

    /// A JSON object: unique ids by ARN.
    private static func pins(_ text: String) -> [String: String] {
        guard case .object(let members)? = try? JSONValue(parsing: text.utf8) else { return [:] }
        return members.compactMapValues { $0.string }
    }

    private static func versions(of policy: Entity, _ sql: any SQLConnection) throws -> [EntityRecord.Version] {
        try sql.rows(
            """
            SELECT v.version, v.document, v.created_at, p.default_version FROM iam_policy_version v
            JOIN iam_policy p ON p.id = v.policy_id WHERE v.policy_id = $1 ORDER BY v.version
            """, [.text(policy.id)]
        ).map { row in
            let number = try row.integer(0)
            return EntityRecord.Version(
                number: number, document: try row.text(1), isDefault: try row.integer(3) == number,
                createdAt: try row.timestamp(2))
        }
    }
}
