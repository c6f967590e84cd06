import WeirCore

/// The rows of `iam_entity`.
enum EntityTable {
    private static let columns =
        "id, account, kind, name, path, description, created_at, changed_at, boundary, tags, sessions_revoked_at"

    private static func entity(_ row: SQLRow) throws -> Entity? {
        // A kind that this version does not know was written by a later one.
        guard let kind = EntityKind(rawValue: try row.text(2)) else { return nil }
        var entity = Entity(
            id: try row.text(0), account: try AccountID(row.text(1)), kind: kind, name: try row.text(3), path: try row.text(4),
            description: try row.optionalText(5), createdAt: try row.timestamp(6), boundary: try row.optionalText(8),
            tags: EntityTags.read(try row.text(9)))
        entity.changedAt = try row.timestamp(7)
        entity.sessionsRevokedAt = try row.optionalTimestamp(10)
        return entity
    }

    /// False if the account has one of that kind and name already.
    static func insert(_ entity: Entity, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            """
            INSERT INTO iam_entity (id, account, kind, name, folded_name, path, description, created_at, changed_at, boundary, tags)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (account, kind, folded_name) DO NOTHING
            """,
            [
                .text(entity.id), .text(entity.account), .text(entity.kind.rawValue), .text(entity.name),
                .text(Entity.folded(entity.name)), .text(entity.path), .text(entity.description), .timestamp(entity.createdAt),
                .timestamp(entity.changedAt), .text(entity.boundary), .text(EntityTags.text(entity.tags)),
            ]) == 1
    }

    static func find(
        _ kind: EntityKind, named name: String, in account: AccountID, _ sql: any SQLConnection
    ) throws -> Entity? {
        try sql.rows(
            "SELECT \(columns) FROM iam_entity WHERE account = $1 AND kind = $2 AND folded_name = $3",
            [.text(account), .text(kind.rawValue), .text(Entity.folded(name))]
        ).first.flatMap(entity)
    }

    static func find(id: String, _ sql: any SQLConnection) throws -> Entity? {
        try sql.rows("SELECT \(columns) FROM iam_entity WHERE id = $1", [.text(id)]).first.flatMap(entity)
    }

    /// In the order of their folded names.
    ///
    /// - Parameters:
    ///   - path: what their paths begin with, letter by letter.
    ///   - after: the folded name after which to begin.
    static func list(
        _ kind: EntityKind, in account: AccountID, path: String = "/", after: String? = nil, limit: Int, _ sql: any SQLConnection
    ) throws -> [Entity] {
        try sql.rows(
            """
            SELECT \(columns) FROM iam_entity WHERE account = $1 AND kind = $2 AND folded_name > $3
            AND substr(path, 1, length($4)) = $4 ORDER BY folded_name LIMIT $5
            """,
            [.text(account), .text(kind.rawValue), .text(after ?? ""), .text(path), .integer(limit)]
        ).compactMap(entity)
    }

    static func count(_ kind: EntityKind, in account: AccountID, _ sql: any SQLConnection) throws -> Int64 {
        try sql.rows(
            "SELECT COUNT(*) FROM iam_entity WHERE account = $1 AND kind = $2", [.text(account), .text(kind.rawValue)]
        ).first?.integer(0) ?? 0
    }

    /// Writes everything that can change. Throws a unique `SQLError` if the new name is taken: ask `find` before.
    static func update(_ entity: Entity, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            UPDATE iam_entity SET name = $1, folded_name = $2, path = $3, description = $4, changed_at = $5, boundary = $6,
                tags = $7, sessions_revoked_at = $8
            WHERE id = $9
            """,
            [
                .text(entity.name), .text(Entity.folded(entity.name)), .text(entity.path), .text(entity.description),
                .timestamp(entity.changedAt), .text(entity.boundary), .text(EntityTags.text(entity.tags)),
                .timestamp(entity.sessionsRevokedAt), .text(entity.id),
            ])
    }

    static func delete(id: String, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM iam_entity WHERE id = $1", [.text(id)])
    }
}

/// Tags as they are stored: a JSON object, its keys in order.
enum EntityTags {
    static func text(_ tags: [ResourceTag]) -> String {
        let members = tags.reduce(into: [String: JSONValue]()) { $0[$1.key] = .string($1.value) }
        return JSONValue.object(members).text
    }

    static func read(_ text: String) -> [ResourceTag] {
        guard case .object(let members)? = try? JSONValue(parsing: text.utf8) else { return [] }
        return members.sorted { $0.key < $1.key }.compactMap { key, value in
            guard case .string(let text) = value else { return nil }
            return ResourceTag(key: key, value: text)
        }
    }
}
