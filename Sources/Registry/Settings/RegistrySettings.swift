package import WeirCore

/// The settings of a whole registry: its policy, replication, scanning, signing, account settings, and pull time exclusions.
///
/// A registry's settings stay in memory until one of them changes.
package final class RegistrySettings: Sendable {
    /// ECR's quota "Pull time update exclusions".
    static let maxExclusions = 100
    private static let remembered = 1_000

    private let database: any SQLDatabase
    private let clock: WallClock
    private let principals: any PrincipalPolicies
    private let cache = HotCache<RegistryID, RegistryConfiguration>(capacity: remembered)

    package init(database: any SQLDatabase, clock: WallClock, principals: any PrincipalPolicies = RootsAlone()) {
        self.principals = principals
        self.database = database
        self.clock = clock
    }

    /// All settings, with ECR's defaults where nothing was set.
    package func configuration(of registry: RegistryID) async throws -> RegistryConfiguration {
        let known = try await cache.value(for: registry) {
            try await database.read { try RegistryConfiguration(of: registry, $0) }
        }
        // There is always one: the load above never returns nil.
        if let known { return known }
        return try await database.read { try RegistryConfiguration(of: registry, $0) }
    }

    // MARK: - Policy

    /// Checks and stores the registry's policy. The text is stored, and read back, as it was written.
    package func setPolicy(_ text: String, of registry: RegistryID) async throws {
        let policy = try PolicyDocument(checking: text, at: "PolicyText", hangingOn: .registry)
        let pins = try await policy.pins(by: principals)
        defer { cache.forget(registry) }
        try await database.write { sql in
            try RegistrySettingTable.put(text, as: .policy, of: registry, sql)
            try RegistrySettingTable.put(pins.stored ?? "{}", as: .policyPins, of: registry, sql)
        }
    }

    /// The policy's text. A user or role in it that is gone stands there by its unique id. Refuses where there is none.
    package func policy(of registry: RegistryID) async throws -> String {
        let configuration = try await configuration(of: registry)
        guard let text = configuration.policyText else { throw Refusal.registryPolicyNotFound(registry) }
        return try await configuration.pins.readBack(text, by: principals)
    }

    /// Deletes the policy and returns it.
    package func deletePolicy(of registry: RegistryID) async throws -> String {
        let told = try await policy(of: registry)
        _ = try await take(.policy, of: registry, orRefuse: .registryPolicyNotFound(registry))
        return told
    }

    // MARK: - Configurations

    package func setReplication(_ replication: ReplicationConfiguration, of registry: RegistryID) async throws {
        try replication.check(in: registry)
        try await put(try StoredJSON.text(replication), as: .replication, of: registry)
    }

    package func setScanning(_ scanning: ScanningConfiguration, of registry: RegistryID) async throws {
        try scanning.check()
        try await put(try StoredJSON.text(scanning), as: .scanning, of: registry)
    }

    package func setSigning(_ signing: SigningConfiguration, of registry: RegistryID) async throws {
        try await put(try StoredJSON.text(signing), as: .signing, of: registry)
    }

    /// Refuses where nothing was ever set.
    package func signing(of registry: RegistryID) async throws -> SigningConfiguration {
        guard let signing = try await configuration(of: registry).signing else {
            throw Refusal.signingConfigurationNotFound(registry)
        }
        return signing
    }

    /// Deletes the signing configuration and returns it.
    package func deleteSigning(of registry: RegistryID) async throws -> SigningConfiguration {
        try StoredJSON.read(try await take(.signing, of: registry, orRefuse: .signingConfigurationNotFound(registry)))
    }

    // MARK: - Account settings

    package func set(_ setting: AccountSetting, to value: String, of registry: RegistryID) async throws {
        guard setting.values.contains(value) else {
            throw Refusal.invalidParameter(
                "value", "Member must satisfy enum value set: [\(setting.values.joined(separator: ", "))]")
        }
        try await put(value, as: .account(setting), of: registry)
    }

    /// Whether blobs may be mounted from one repository into another. Off unless the account says otherwise, as in ECR.
    package func allowsBlobMounting(in registry: RegistryID) async throws -> Bool {
        try await configuration(of: registry).value(of: .blobMounting) == "ENABLED"
    }

    // MARK: - Pull time exclusions

    package func exclude(_ principalARN: String, in registry: RegistryID) async throws -> PullTimeExclusion {
        let exclusion = PullTimeExclusion(principalARN: principalARN, createdAt: clock.now)
        defer { cache.forget(registry) }
        try await database.write { sql in
            guard try PullTimeExclusionTable.insert(exclusion, of: registry, sql) else {
                throw Refusal(
                    .exclusionAlreadyExists, "A pull time update exclusion for the principal '\(principalARN)' already exists")
            }
            let count = try PullTimeExclusionTable.list(
                of: registry, after: nil, limit: Self.maxExclusions + 1, sql
            ).count
            guard count <= Self.maxExclusions else {
                throw Refusal.limitExceeded("\(Self.maxExclusions) pull time update exclusions in a registry")
            }
        }
        return exclusion
    }

    package func include(_ principalARN: String, in registry: RegistryID) async throws {
        defer { cache.forget(registry) }
        try await database.write { sql in
            guard try PullTimeExclusionTable.remove(principalARN, of: registry, sql) else {
                throw Refusal(
                    .exclusionNotFound, "There is no pull time update exclusion for the principal '\(principalARN)'")
            }
        }
    }

    /// A page of the exclusions, by ARN.
    package func exclusions(
        of registry: RegistryID, after principalARN: String?, limit: Int
    ) async throws -> Page<PullTimeExclusion> {
        let found = try await database.read {
            try PullTimeExclusionTable.list(of: registry, after: principalARN, limit: limit + 1, $0)
        }
        return Page(found, limit: limit) { $0.principalARN }
    }

    /// False where the caller's pulls are not to be recorded.
    package func records(pullsOf caller: Caller, in registry: RegistryID) async throws -> Bool {
        let excluded = try await configuration(of: registry).excluded
        // A role's ARN stands for all its sessions.
        return excluded.isEmpty || !(excluded.contains(caller.principalARN) || excluded.contains(caller.policyARN))
    }

    // MARK: - What they share

    private func put(_ value: String, as name: RegistrySettingTable.Name, of registry: RegistryID) async throws {
        defer { cache.forget(registry) }
        try await database.write { try RegistrySettingTable.put(value, as: name, of: registry, $0) }
    }

    private func take(
        _ name: RegistrySettingTable.Name, of registry: RegistryID, orRefuse refusal: Refusal
    ) async throws -> String {
        defer { cache.forget(registry) }
        return try await database.write { sql in
            guard let value = try RegistrySettingTable.find(name, of: registry, sql) else { throw refusal }
            _ = try RegistrySettingTable.remove(name, of: registry, sql)
            return value
        }
    }
}

extension Refusal {
    fileprivate static func registryPolicyNotFound(_ registry: RegistryID) -> Refusal {
        Refusal(
            .registryPolicyNotFound, "Registry policy does not exist in the registry with id '\(registry.account)'")
    }

    fileprivate static func signingConfigurationNotFound(_ registry: RegistryID) -> Refusal {
        Refusal(
            .signingConfigurationNotFound,
            "Signing configuration does not exist in the registry with id '\(registry.account)'")
    }
}
