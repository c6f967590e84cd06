// KMS keys for users: create, alias, disable, delete and use them.
//
// Each change is one transaction. After the commit the keyring in memory follows, and only then does the call return. So once
// `DisableKey` has answered, nothing is sealed or opened with that key any more.
//
// A key that is scheduled for deletion loses its row, and with it its bytes, when its date has come: at the start, and before any
// operation on keys (`settle`). Rotations that are due happen at the same moments.

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
package import WeirCore

package struct Keys: Sendable {
    /// Services with an AWS managed key, which the server creates on first use.
    package enum ManagedService: String, Sendable, CaseIterable {
        case ecr, secretsmanager

        var alias: String { "alias/aws/\(rawValue)" }

        var description: String {
            switch self {
            case .ecr: "Default key that protects my ECR data when no other key is defined"
            case .secretsmanager: "Default key that protects my Secrets Manager data when no other key is defined"
            }
        }
    }

    let database: any SQLDatabase
    let keyring: Keyring
    let clock: WallClock

    package init(database: any SQLDatabase, keyring: Keyring, clock: WallClock) {
        self.database = database
        self.keyring = keyring
        self.clock = clock
    }

    /// Destroys the keys whose deletion date has come and rotates those that are due.
    package func settle() async throws {
        let now = clock.due
        guard keyring.hasDue(at: now) else { return }
        let destroyed = try await database.write { sql in
            let keys = try KeyTable.deletable(at: now, sql)
            for key in keys { try KeyTable.delete(key, sql) }
            return keys
        }
        for key in destroyed { keyring.destroy(key.arn) }
        if !destroyed.isEmpty { await database.scrub() }
        let rotated = try await database.write { [keyring] sql in
            try KeyTable.rotatable(at: now, sql).map { key in
                var key = key
                key.rotation = key.rotation.map { KMSKey.Rotation(days: $0.days, next: now + .days($0.days)) }
                let rotated = try Self.rotate(key, at: now, keyring, sql)
                return (rotated, try MaterialTable.all(of: rotated, sql))
            }
        }
        for (key, materials) in rotated { try keyring.hold(key, materials) }
    }

    /// Makes a new version of the key's bytes, which seals from the commit on. Older versions still open.
    static func rotate(
        _ key: KMSKey, at now: Timestamp, onDemand: Bool = false, _ keyring: Keyring, _ sql: any SQLConnection
    ) throws -> KMSKey {
        var key = key
        key.material += 1
        key.revision += 1
        let sealed = try keyring.newSealedMaterial(ofKMSKey: key.arn, version: key.material)
        try MaterialTable.insert(.init(version: key.material, sealed: sealed), of: key, at: now, onDemand: onDemand, sql)
        try KeyTable.update(key, sql)
        return key
    }

    /// The key of an id, an alias, or an ARN of either in this registry.
    package func resolve(_ name: String, in registry: RegistryID) async throws -> KMSKey {
        let reference = try KeyReference(name, in: registry)
        try await settle()
        return try await database.read { sql in try reference.find(in: registry, sql) }
    }

    /// As `resolve`, but creates an AWS managed key that is named by its alias, as KMS's DescribeKey does.
    package func describe(_ name: String, in registry: RegistryID) async throws -> KMSKey {
        if case .alias(let alias) = try KeyReference(name, in: registry),
            let service = ManagedService.allCases.first(where: { $0.alias == alias })
        {
            return try await findOrMake(service, in: registry)
        }
        return try await resolve(name, in: registry)
    }

    /// Throws unless this registry has the key and it may seal now. Call it before creating something that is to be sealed with
    /// it.
    package func usable(arn: String, in registry: RegistryID) async throws {
        let key = try await resolve(arn, in: registry)
        try keyring.check(.kms(arn: key.arn))
    }

    /// The ARN of the AWS managed key for `service`, created on first use. Safe to call repeatedly and concurrently.
    package func managedKey(for service: ManagedService, in registry: RegistryID) async throws -> String {
        let key = try await findOrMake(service, in: registry)
        return key.arn
    }

    private func findOrMake(_ service: ManagedService, in registry: RegistryID) async throws -> KMSKey {
        try await settle()
        let alias = service.alias
        let existing = try await database.read { sql in
            try AliasTable.find(alias, in: registry, sql).flatMap { try KeyTable.find($0.keyID, in: registry, sql) }
        }
        if let existing { return existing }
        let now = clock.now
        var new = NewKey(description: service.description)
        new.policy = KeyPolicy.managed(for: service.rawValue, in: registry)
        let (key, material) = try draft(new, manager: .aws, in: registry, at: now)
        let made = try await database.write { sql in
            // Another task may have created it meanwhile. The alias is unique: the second caller uses the first one's key.
            if let alias = try AliasTable.find(alias, in: registry, sql),
                let key = try KeyTable.find(alias.keyID, in: registry, sql)
            {
                return key
            }
            try Self.insert(key, material, [], sql)
            _ = try AliasTable.insert(
                KMSAlias(registry: registry, name: alias, keyID: key.id, createdAt: now, updatedAt: now), sql)
            return key
        }
        if made.id == key.id {
            try keyring.hold(key, [material])
        } else {
            try await hold(made)
        }
        return made
    }

    /// Loads a key that another task or node has created into the keyring.
    private func hold(_ key: KMSKey) async throws {
        let materials = try await database.read { sql in try MaterialTable.all(of: key, sql) }
        try keyring.hold(key, materials)
    }

    /// A key that is not stored yet, and its bytes.
    func draft(
        _ new: NewKey, manager: KMSKey.Manager, in registry: RegistryID, at now: Timestamp
    ) throws -> (KMSKey, MaterialTable.Row) {
        let key = KMSKey(
            id: UUID().uuidString.lowercased(), registry: registry, state: .enabled, description: new.description,
            manager: manager, policy: new.policy ?? KeyPolicy.standard(for: registry),
            // AWS managed keys rotate every year; users cannot change that.
            rotation: manager == .aws ? KMSKey.Rotation(days: 365, next: now + .days(365)) : nil, createdAt: now,
            deletionAt: nil, material: 1, revision: 1)
        let sealed = try keyring.newSealedMaterial(ofKMSKey: key.arn, version: 1)
        return (key, MaterialTable.Row(version: 1, sealed: sealed))
    }

    static func insert(
        _ key: KMSKey, _ material: MaterialTable.Row, _ tags: [ResourceTag], _ sql: any SQLConnection
    ) throws {
        try KeyTable.insert(key, sql)
        try MaterialTable.insert(material, of: key, at: key.createdAt, sql)
        try KeyTagTable.put(tags, of: key, sql)
    }
}

extension Duration {
    static func days(_ count: Int) -> Duration { .seconds(count * 86_400) }
}
