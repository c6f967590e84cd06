import WeirCore

/// The rows of `cache_rule`.
enum CacheRuleTable {
    private static let columns = """
        SELECT prefix, upstream_url, kind, upstream_prefix, credential_arn, custom_role_arn, created_at, updated_at, options
        FROM cache_rule WHERE account = $1 AND region = $2
        """

    static func find(_ prefix: Prefix, in registry: RegistryID, _ sql: any SQLConnection) throws -> CacheRule? {
        try sql.rows(columns + " AND prefix_key = $3", registry.columns + [.text(prefix.key)]).first.map(read)
    }

    /// Every rule of a registry, by prefix: at most `CacheRule.mostPerRegistry`.
    static func all(in registry: RegistryID, _ sql: any SQLConnection) throws -> [CacheRule] {
        try sql.rows(columns + " ORDER BY prefix_key", registry.columns).map(read)
    }

    /// A page of rules, by prefix: those after the prefix whose key is `prefix`.
    static func list(
        in registry: RegistryID, after prefix: String?, limit: Int, _ sql: any SQLConnection
    ) throws -> [CacheRule] {
        try sql.rows(
            columns + " AND prefix_key > $3 ORDER BY prefix_key LIMIT $4",
            registry.columns + [.text(prefix ?? ""), .integer(limit)]
        ).map(read)
    }

    static func count(in registry: RegistryID, _ sql: any SQLConnection) throws -> Int64 {
        try sql.rows("SELECT COUNT(*) FROM cache_rule WHERE account = $1 AND region = $2", registry.columns)
            .first?.integer(0) ?? 0
    }

    /// False where the prefix is taken.
    static func insert(_ rule: CacheRule, in registry: RegistryID, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            """
            INSERT INTO cache_rule (account, region, prefix_key, prefix, upstream_url, kind, upstream_prefix,
                credential_arn, custom_role_arn, created_at, updated_at, options)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT (account, region, prefix_key) DO NOTHING
            """,
            registry.columns + [
                .text(rule.prefix.key), .text(rule.prefix), .text(rule.upstreamURL), .text(rule.kind.rawValue),
                .text(rule.upstreamPrefix), .text(rule.credentialARN), .text(rule.customRoleARN),
                .timestamp(rule.createdAt), .timestamp(rule.updatedAt), rule.options.stored,
            ]) == 1
    }

    /// Writes what may change of a rule.
    static func update(_ rule: CacheRule, in registry: RegistryID, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            UPDATE cache_rule SET credential_arn = $1, custom_role_arn = $2, updated_at = $3, options = $4
            WHERE account = $5 AND region = $6 AND prefix_key = $7
            """,
            [
                .text(rule.credentialARN), .text(rule.customRoleARN), .timestamp(rule.updatedAt),
                rule.options.stored,
            ] + registry.columns + [.text(rule.prefix.key)])
    }

    static func remove(_ prefix: Prefix, in registry: RegistryID, _ sql: any SQLConnection) throws {
        try sql.execute(
            "DELETE FROM cache_rule WHERE account = $1 AND region = $2 AND prefix_key = $3",
            registry.columns + [.text(prefix.key)])
    }

    private static func read(_ row: SQLRow) throws -> CacheRule {
        let kind = try row.text(2)
        guard let kind = UpstreamKind(rawValue: kind) else {
            throw StoredValueError(column: "cache_rule.kind", value: kind)
        }
        return CacheRule(
            prefix: try Prefix(try row.text(0), lengths: CacheRule.prefixLengths), upstreamURL: try row.text(1),
            kind: kind,
            upstreamPrefix: try row.optionalText(3).map { try Prefix($0, lengths: CacheRule.prefixLengths) },
            credentialARN: try row.optionalText(4), customRoleARN: try row.optionalText(5),
            options: try RuleOptions(stored: try row.optionalText(8)), createdAt: try row.timestamp(6),
            updatedAt: try row.optionalTimestamp(7))
    }
}
