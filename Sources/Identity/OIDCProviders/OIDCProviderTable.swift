import WeirCore

/// The rows of `iam_oidc_provider`, each beside its row of `iam_entity`.
enum OIDCProviderTable {
    static func insert(_ provider: OIDCProvider, _ sql: any SQLConnection) throws {
        try sql.execute(
            "INSERT INTO iam_oidc_provider (id, url, client_ids, thumbprints, key_set) VALUES ($1, $2, $3, $4, $5)",
            [
                .text(provider.id), .text(provider.url), .text(list(provider.clientIDs)), .text(list(provider.thumbprints)),
                .text(provider.keySet),
            ])
    }

    static func update(_ provider: OIDCProvider, _ sql: any SQLConnection) throws {
        try sql.execute(
            "UPDATE iam_oidc_provider SET client_ids = $1, thumbprints = $2, key_set = $3 WHERE id = $4",
            [
                .text(list(provider.clientIDs)), .text(list(provider.thumbprints)), .text(provider.keySet), .text(provider.id),
            ])
    }

    /// The provider that belongs to an entity.
    static func find(_ entity: Entity, _ sql: any SQLConnection) throws -> OIDCProvider? {
        try sql.rows("SELECT url, client_ids, thumbprints, key_set FROM iam_oidc_provider WHERE id = $1", [.text(entity.id)])
            .first.map { row in
                OIDCProvider(
                    id: entity.id, account: entity.account, url: try row.text(0), createdAt: entity.createdAt,
                    clientIDs: texts(try row.text(1)), thumbprints: texts(try row.text(2)), keySet: try row.optionalText(3),
                    tags: entity.tags)
            }
    }

    static func delete(_ id: String, _ sql: any SQLConnection) throws {
        try sql.execute("DELETE FROM iam_oidc_provider WHERE id = $1", [.text(id)])
    }

    private static func list(_ texts: [String]) -> String { JSONValue.array(texts.map { .string($0) }).text }

    private static func texts(_ list: String) -> [String] {
        guard case .array(let values)? = try? JSONValue(parsing: list.utf8) else { return [] }
        return values.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }
}
