import WeirCore

/// SQL of `root_check`: one row, sealed by the root key that this data belongs to.
enum RootCheckTable {
    static func insertIfAbsent(_ sealed: [UInt8], _ sql: any SQLConnection) throws {
        try sql.execute(
            "INSERT INTO root_check (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING", [.bytes(sealed)])
    }

    /// Empty where there is no row, which no key opens.
    static func sealed(_ sql: any SQLConnection) throws -> [UInt8] {
        try sql.rows("SELECT sealed FROM root_check WHERE id = 1", []).first?.bytes(0) ?? []
    }
}
