import WeirCore

/// The rows of `registry_key`.
enum RegistryKeyTable {
    struct Row: Sendable {
        let registry: RegistryID
        let sealed: [UInt8]
    }

    static func all(_ sql: any SQLConnection) throws -> [Row] {
        try sql.rows("SELECT account, region, sealed FROM registry_key", []).map { row in
            Row(
                registry: try row.registry(0),
                sealed: try row.bytes(2))
        }
    }

    static func insertIfAbsent(
        _ registry: RegistryID, sealed: [UInt8], at now: Timestamp, _ sql: any SQLConnection
    ) throws {
        try sql.execute(
            """
            INSERT INTO registry_key (account, region, sealed, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (account, region) DO NOTHING
            """,
            registry.columns + [.bytes(sealed), .timestamp(now)])
    }

    static func sealed(of registry: RegistryID, _ sql: any SQLConnection) throws -> [UInt8] {
        let rows = try sql.rows(
            "SELECT sealed FROM registry_key WHERE account = $1 AND region = $2",
            registry.columns)
        guard let row = rows.first else { throw Refusal.registryKeyMissing(registry) }
        return try row.bytes(0)
    }
}
