package import WeirCore

/// All settings of one registry, as they stay in memory.
package struct RegistryConfiguration: Sendable, Equatable {
    /// As it was written.
    package var policyText: String?
    package var policy: StoredPolicy?
    /// The users and roles that the policy names.
    package var pins = PolicyPins.none
    package var replication = ReplicationConfiguration(rules: [])
    package var scanning = ScanningConfiguration.standard
    package var signing: SigningConfiguration?
    package var account: [AccountSetting: String] = [:]
    /// ARNs of the principals whose pulls are not recorded.
    package var excluded: Set<String> = []

    package func value(of setting: AccountSetting) -> String { account[setting] ?? setting.standard }

    init(of registry: RegistryID, _ sql: any SQLConnection) throws {
        let rows = try RegistrySettingTable.all(of: registry, sql)
        let value = { (name: RegistrySettingTable.Name) in rows[name.description] }
        policyText = value(.policy)
        let pins = PolicyPins(stored: value(.policyPins))
        self.pins = pins
        policy = policyText.map { StoredPolicy($0, pins: pins) }
        if let text = value(.replication) { replication = try StoredJSON.read(text) }
        if let text = value(.scanning) { scanning = try StoredJSON.read(text) }
        signing = try value(.signing).map { try StoredJSON.read($0) }
        for setting in AccountSetting.allCases { account[setting] = value(.account(setting)) }
        excluded = Set(try PullTimeExclusionTable.all(of: registry, sql).map(\.principalARN))
    }
}
