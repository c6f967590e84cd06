import WeirCore

/// The rows of `pull_time_exclusion`: whose pulls do not count as a use of an image.
enum PullTimeExclusionTable {
    static func all(of registry: RegistryID, _ sql: any SQLConnection) throws -> [PullTimeExclusion] {
        try list(of: registry, after: nil, limit: RegistrySettings.maxExclusions, sql)
    }

    /// A page of exclusions, by ARN: those after `principal`.
    static func list(
        of registry: RegistryID, after principal: String?, limit: Int, _ sql: any SQLConnection
    ) throws -> [PullTimeExclusion] {
        try sql.rows(
            """
            SELECT principal, created_at FROM pull_time_exclusion WHERE account = $1 AND region = $2 AND principal > $3
            ORDER BY principal LIMIT $4
            """,
            registry.columns + [.text(principal ?? ""), .integer(limit)]
        ).map { PullTimeExclusion(principalARN: try $0.text(0), createdAt: try $0.timestamp(1)) }
    }

    /// False where it is there already.
    static func insert(
        _ exclusion: PullTimeExclusion, of registry: RegistryID, _ sql: any SQLConnection
    ) throws -> Bool {
        try sql.execute(
            """
            INSERT INTO pull_time_exclusion (account, region, principal, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (account, region, principal) DO NOTHING
            """,
            registry.columns + [.text(exclusion.principalARN), .timestamp(exclusion.createdAt)]) == 1
    }

    static func remove(_ principal: String, of registry: RegistryID, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM pull_time_exclusion WHERE account = $1 AND region = $2 AND principal = $3",
            registry.columns + [.text(principal)]) == 1
    }
}
