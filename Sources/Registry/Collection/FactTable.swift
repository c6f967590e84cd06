import WeirCore

/// The rows of `registry_fact`: what must stay as it was when the data folder was first used.
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

    /// Whether content lies under keys of which the names begin so.
    static func holdsBlobs(scopePrefix: String, _ sql: any SQLConnection) throws -> Bool {
        try !sql.rows(
            "SELECT 1 FROM blob WHERE scope >= $1 AND scope < $2 LIMIT 1",
            [.text(scopePrefix + "-"), .text(scopePrefix + ".")]
        ).isEmpty
    }
}
