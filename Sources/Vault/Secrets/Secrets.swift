// Secrets Manager: secrets with versions and stages. Each value is sealed by the secret's KMS key.
//
// A request's token becomes the id of the version that it creates. So repeating a request, because its answer was lost, changes
// nothing: the version exists with the same value. With another value it is refused.
//
// Deletion only marks a secret. When the recovery window is over the secret is no longer visible, and the next start or change
// removes its row and every version.

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
package import WeirCore

package struct Secrets: Sendable {
    package static let recoveryDaysAllowed = 7...30

    let database: any SQLDatabase
    let keys: Keys
    let seal: SecretSeal
    let clock: WallClock

    package init(database: any SQLDatabase, keys: Keys, clock: WallClock) {
        self.database = database
        self.keys = keys
        seal = SecretSeal(keyring: keys.keyring)
        self.clock = clock
    }

    /// Destroys the secrets whose recovery window is over. Returns the moment that it used, by which the rest of the operation
    /// judges secrets.
    @discardableResult
    package func settle() async throws -> Timestamp {
        let due = clock.due
        guard try await database.read({ sql in try SecretTable.hasDue(at: due, sql) }) else { return due }
        if try await database.write({ sql in try SecretTable.sweep(at: due, sql) }) > 0 { await database.scrub() }
        return due
    }

    /// A user's input for a new secret.
    package struct New: Sendable {
        package var name: String
        package var description: String?
        package var kmsKey: String?
        package var value: SecretValue?
        /// The id of its first version; generated if the client sent none.
        package var token: String?
        package var tags: [ResourceTag]

        package init(
            name: String, description: String? = nil, kmsKey: String? = nil, value: SecretValue? = nil,
            token: String? = nil, tags: [ResourceTag] = []
        ) {
            self.name = name
            self.description = description
            self.kmsKey = kmsKey
            self.value = value
            self.token = token
            self.tags = tags
        }
    }

    /// Creates a secret, with a first version if a value is given. Returns that version's id.
    package func create(_ new: New, in registry: RegistryID) async throws -> (secret: Secret, version: String?) {
        try SecretName.check(new.name)
        try SecretTags.check(new.tags)
        try new.value?.checkSize()
        let (now, due) = (clock.now, try await settle())
        let secret = Secret(
            arn: SecretName.newARN(for: new.name, in: registry), registry: registry, name: new.name,
            description: new.description, kmsKey: new.kmsKey, createdAt: now, changedAt: now)
        let version = try await draft(new.value, of: secret, token: new.token ?? Self.newToken(), at: now)
        return try await database.write { [seal] sql in
            guard try SecretTable.insert(secret, sql) else {
                return try Self.repeated(new, in: registry, at: due, seal, sql)
            }
            try SecretTable.put(new.tags, of: secret.arn, sql)
            if let version { try Self.add(version, stages: [], to: secret, at: due, sql) }
            return (secret, version?.id)
        }
    }

    /// For a name that exists: returns the secret if this is a repeated request, else throws.
    private static func repeated(
        _ new: New, in registry: RegistryID, at due: Timestamp, _ seal: SecretSeal, _ sql: any SQLConnection
    ) throws -> (Secret, String?) {
        guard let secret = try SecretTable.find(name: new.name, in: registry, at: due, sql) else {
            throw Refusal.secretMissing
        }
        if secret.deletionAt != nil {
            throw Refusal(
                .secretInvalidRequest,
                "You can't create this secret because a secret with this name is already scheduled for deletion.")
        }
        if let value = new.value, let token = new.token,
            let version = try SecretVersionTable.find(token, of: secret.arn, sql),
            try seal.open(version, of: secret) == value
        {
            return (secret, token)
        }
        throw Refusal(
            .secretResourceExists, "The operation failed because the secret \(new.name) already exists.")
    }

    /// Adds a version with these stages; AWSCURRENT if `stages` is empty. A secret's first version gets AWSCURRENT in any case.
    package func put(
        _ value: SecretValue, into name: String, in registry: RegistryID, token: String?, stages: [String]
    ) async throws -> (secret: Secret, version: SecretVersion) {
        try value.checkSize()
        let reference = try SecretReference(name, in: registry)
        let (now, due) = (clock.now, try await settle())
        let token = token ?? Self.newToken()
        let found = try await find(reference)
        let draft = try await draft(value, of: found, token: token, at: now)
        return try await database.write { [seal] sql in
            var secret = try reference.require(at: due, sql)
            try secret.checkNotDeleted()
            if try !Self.isRepeated(value, token: token, of: secret, seal, sql), let draft {
                secret.changedAt = now
                try SecretTable.update(secret, sql)
                try Self.add(draft, stages: stages, to: secret, at: due, sql)
            }
            let version = try SecretVersionTable.all(of: secret.arn, sql).first { $0.id == token }
            guard let version else { throw Refusal.secretMissing }
            return (secret, version)
        }
    }

    /// True if the version exists with the same value. Throws if it has another value.
    static func isRepeated(
        _ value: SecretValue, token: String, of secret: Secret, _ seal: SecretSeal, _ sql: any SQLConnection
    ) throws -> Bool {
        guard let version = try SecretVersionTable.find(token, of: secret.arn, sql) else { return false }
        guard try seal.open(version, of: secret) == value else {
            throw Refusal(
                .secretResourceExists,
                "You can't use ClientRequestToken \(token) because that value is already in use for a version of secret \(secret.arn)."
            )
        }
        return true
    }

    static func add(
        _ version: SecretVersionTable.Row, stages: [String], to secret: Secret, at due: Timestamp,
        _ sql: any SQLConnection
    ) throws {
        let isFirst = try SecretVersionTable.all(of: secret.arn, sql).isEmpty
        try SecretVersionTable.insert(version, of: secret.arn, sql)
        var stages = stages.isEmpty ? [SecretVersion.current] : stages
        if isFirst, !stages.contains(SecretVersion.current) { stages.append(SecretVersion.current) }
        for stage in stages { try SecretVersionTable.attach(stage, to: version.id, of: secret.arn, sql) }
        try SecretVersionTable.prune(secret.arn, at: due, sql)
    }

    /// A sealed version that is not stored yet. Call it outside of any transaction: it looks up the key.
    func draft(
        _ value: SecretValue?, of secret: Secret, token: String, at now: Timestamp
    ) async throws -> SecretVersionTable.Row? {
        // Also without a value, so that an unusable key is refused when it is named, not when it is first used.
        let key = try await kmsKeyARN(secret.kmsKey, in: secret.registry)
        guard let value else { return nil }
        return SecretVersionTable.Row(
            id: token, kmsKeyARN: key, sealed: try seal.seal(value, under: key, of: secret.arn, version: token),
            createdAt: now)
    }

    func kmsKeyARN(_ name: String?, in registry: RegistryID) async throws -> String {
        guard let name, !name.isEmpty else { return try await keys.managedKey(for: .secretsmanager, in: registry) }
        let key = try await keys.describe(name, in: registry)
        try key.checkUsable()
        return key.arn
    }

    func find(_ reference: SecretReference) async throws -> Secret {
        let due = clock.due
        return try await database.read { sql in try reference.require(at: due, sql) }
    }

    static func newToken() -> String { UUID().uuidString.lowercased() }
}
