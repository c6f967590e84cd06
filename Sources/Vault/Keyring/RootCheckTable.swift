import WeirCore

/// The row of `root_check`, sealed by the root key that this data belongs to.
enum RootCheckTable {
    static func insertIfAbsent(_ sealed: [UInt8], _ sql: any SQLConnection) throws {
        try sql.execute(
            "INSERT INTO root_check (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING", [.bytes(sealed)])
    }

    /// Empty, which no key opens, where there is no row.
    static func sealed(_ sql: any SQLConnection) throws -> [UInt8] {
        try sql.rows("SELECT sealed FROM root_check WHERE id = 1", []).first?.bytes(0) ?? []
    }
}
