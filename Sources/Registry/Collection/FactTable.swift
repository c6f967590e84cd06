import WeirCore

/// The rows of `registry_fact`, by name, such as the sealing mode with which the data folder was first used.
enum FactTable {
    static func value(_ name: String, _ sql: any SQLConnection) throws -> String? {
        try sql.rows("SELECT value FROM registry_fact WHERE name = $1", [.text(name)]).first?.text(0)
    }

    /// Records a fact, unless it is recorded already.
    static func record(_ name: String, _ value: String, _ sql: any SQLConnection) throws {
        try sql.execute(
            "INSERT INTO registry_fact (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            [.text(name), .text(value)])
    }

    /// Records a fact that changes.
    static func set(_ name: String, _ value: String, _ sql: any SQLConnection) throws {
        try sql.execute(
            "INSERT INTO registry_fact (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [.text(name), .text(value)])
    }

    /// The mark of the store that this database was last used with.
    static func storeMark(_ sql: any SQLConnection) throws -> StoreMark? {
        try value("store-mark", sql).flatMap { StoreMark($0) }
    }
}
