import WeirCore

/// The rows of `registry_setting`: one for each setting of a registry that differs from ECR's default.
enum RegistrySettingTable {
    enum Name: Hashable, Sendable, CustomStringConvertible {
        case policy, policyPins, replication, scanning, signing
        case account(AccountSetting)

        var description: String {
            switch self {
            case .policy: "policy"
            case .policyPins: "policy:pins"
            case .replication: "replication"
            case .scanning: "scanning"
            case .signing: "signing"
            case .account(let setting): "account:\(setting.rawValue)"
            }
        }
    }

    static func all(of registry: RegistryID, _ sql: any SQLConnection) throws -> [String: String] {
        let rows = try sql.rows(
            "SELECT name, value FROM registry_setting WHERE account = $1 AND region = $2", registry.columns)
        return Dictionary(try rows.map { (try $0.text(0), try $0.text(1)) }, uniquingKeysWith: { first, _ in first })
    }

    static func find(_ name: Name, of registry: RegistryID, _ sql: any SQLConnection) throws -> String? {
        try sql.rows(
            "SELECT value FROM registry_setting WHERE account = $1 AND region = $2 AND name = $3",
            registry.columns + [.text(name.description)]
        ).first?.text(0)
    }

    static func put(_ value: String, as name: Name, of registry: RegistryID, _ sql: any SQLConnection) throws {
        try sql.execute(
            """
            INSERT INTO registry_setting (account, region, name, value) VALUES ($1, $2, $3, $4)
            ON CONFLICT (account, region, name) DO UPDATE SET value = excluded.value
            """, registry.columns + [.text(name.description), .text(value)])
    }

    /// False where it was not set.
    static func remove(_ name: Name, of registry: RegistryID, _ sql: any SQLConnection) throws -> Bool {
        try sql.execute(
            "DELETE FROM registry_setting WHERE account = $1 AND region = $2 AND name = $3",
            registry.columns + [.text(name.description)]) == 1
    }
}
