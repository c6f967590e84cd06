package import WeirCore
package import WeirVault

/// The repositories of all registries, with their policies and tags.
///
/// A repository that was asked for stays in memory until something of it changes. A caller of `insert` must call `forget` after
/// the commit.
package final class Repositories: Sendable {
    /// ECR's quota "Registered repositories".
    package static let perRegistry = 100_000
    private static let remembered = 20_000

    struct Key: Hashable {
        let registry: RegistryID
        let name: RepositoryName
    }

    /// Whether a repository that holds images may be deleted.
    package enum RemainingImages: Sendable { case refused, deletedToo }

    let database: any SQLDatabase
    private let keys: Keys
    private let keyring: Keyring
    let clock: WallClock
    let principals: any PrincipalPolicies
    private let cache = HotCache<Key, KnownRepository>(capacity: remembered)

    package init(
        database: any SQLDatabase, keys: Keys, keyring: Keyring, clock: WallClock,
        principals: any PrincipalPolicies = RootsAlone()
    ) {
        self.principals = principals
        self.database = database
        self.keys = keys
        self.keyring = keyring
        self.clock = clock
    }

    // MARK: - Making

    package func create(
        _ name: RepositoryName, in registry: RegistryID, settings: RepositorySettings
    ) async throws -> Repository {
        try await create(try await prepare(settings, name: name, in: registry))
    }

    func create(_ new: NewRepository) async throws -> Repository {
        let (name, registry) = (new.repository.name, new.repository.registry)
        defer { forget(name, in: registry) }
        do {
            return try await database.write { sql in try Self.insert(new, sql) }
        } catch let error as SQLError where error.isUnique {
            throw Refusal.repositoryAlreadyExists(name, in: registry)
        }
    }

    /// Does what cannot be done inside a transaction: checks the settings, resolves the KMS key and finds it usable, draws the
    /// number and makes the manifests' data key.
    package func prepare(
        _ settings: RepositorySettings, name: RepositoryName, in registry: RegistryID
    ) async throws -> NewRepository {
        try settings.check()
        let repository = Repository(
            id: Int64.random(in: 1...Int64.max), registry: registry, name: name, createdAt: clock.now,
            mutability: settings.mutability, scanOnPush: settings.scanOnPush,
            encryption: try await encryption(settings.encryption, in: registry))
        let sealingKey = SealingKey(repository.encryption, in: registry)
        try await keyring.prepare(sealingKey)
        return NewRepository(
            repository: repository, sealedKey: try keyring.generateDataKey(under: sealingKey).wrapped,
            tags: settings.tags, policy: settings.policy, pins: try await pins(settings.policy),
            lifecyclePolicy: settings.lifecyclePolicy)
    }

    /// The users and roles that a policy names. One that is gone is not pinned here: a creation template may name it still, and
    /// the repository is made all the same.
    private func pins(_ policy: String?) async throws -> PolicyPins {
        guard let policy, let document = try? PolicyDocument(policy) else { return .none }
        return try await PolicyPins.resolve(document, by: principals, lacking: .leftOut)
    }

    private func encryption(_ request: EncryptionRequest, in registry: RegistryID) async throws -> Encryption {
        switch request {
        case .aes256: .aes256
        case .kms(nil): .kms(keyARN: try await keys.managedKey(for: .ecr, in: registry))
        case .kms(let key?): .kms(keyARN: try await keys.describe(key, in: registry).arn)
        }
    }

    /// Inserts a repository with its tags and policies. Throws an `SQLError` that `isUnique` where the name is taken, and a
    /// refusal where the quota would be exceeded. Call `forget` after the commit.
    package static func insert(_ new: NewRepository, _ sql: any SQLConnection) throws -> Repository {
        try RepositoryTable.insert(new, sql)
        guard try !RepositoryTable.holdsMore(than: perRegistry, in: new.repository.registry, sql) else {
            throw Refusal.limitExceeded("\(perRegistry) repositories in a registry")
        }
        return new.repository
    }

    /// Call it after every commit that changed the repository without this type's `change`.
    package func forget(_ name: RepositoryName, in registry: RegistryID) {
        cache.forget(Key(registry: registry, name: name))
    }

    // MARK: - Finding

    /// The repository, from memory where it has been asked for before.
    package func find(_ name: RepositoryName, in registry: RegistryID) async throws -> Repository? {
        try await known(name, in: registry)?.repository
    }

    /// The same; throws `repositoryNotFound` where there is none.
    package func existing(_ name: RepositoryName, in registry: RegistryID) async throws -> Repository {
        guard let repository = try await find(name, in: registry) else {
            throw Refusal.repositoryNotFound(name, in: registry)
        }
        return repository
    }

    /// The repository with its policy, tags and sealed key, from memory where it has been asked for before.
    package func known(_ name: RepositoryName, in registry: RegistryID) async throws -> KnownRepository? {
        try await cache.value(for: Key(registry: registry, name: name)) {
            try await database.read { sql in
                guard let row = try RepositoryTable.find(name, in: registry, sql) else { return nil }
                return KnownRepository(
                    repository: row.repository, sealedKey: row.sealedKey,
                    tags: try RepositoryTable.tags(of: row.repository.id, sql),
                    policy: row.policy.map { StoredPolicy($0, pins: row.pins) })
            }
        }
    }

    /// The wrapped data key of the repository's manifests. Refuses where the repository has been deleted meanwhile.
    package func sealedKey(of repository: Repository) async throws -> [UInt8] {
        guard let known = try await known(repository.name, in: repository.registry),
            known.repository.id == repository.id
        else { throw Refusal.repositoryNotFound(repository.name, in: repository.registry) }
        return known.sealedKey
    }

    /// The repositories with these names, in this order. Refuses for the first that is missing.
    package func describe(named names: [RepositoryName], in registry: RegistryID) async throws -> [Repository] {
        try await database.read { sql in
            var seen: Set<RepositoryName> = []
            return try names.filter { seen.insert($0).inserted }.map { name in
                let row = try RepositoryTable.existing(name, in: registry, sql)
                return row.repository
            }
        }
    }

    /// A page of the registry's repositories, by name.
    package func describe(
        in registry: RegistryID, after name: String?, limit: Int
    ) async throws -> Page<Repository> {
        let found = try await database.read { sql in
            try RepositoryTable.list(in: registry, after: name, limit: limit + 1, sql).map(\.repository)
        }
        return Page(found, limit: limit) { $0.name.description }
    }

    /// The rows of a page of the registry's repositories, by name.
    func rows(in registry: RegistryID, after name: String?, limit: Int) async throws -> [RepositoryTable.Row] {
        try await database.read { sql in try RepositoryTable.list(in: registry, after: name, limit: limit, sql) }
    }

    /// How many repositories each account has, in all regions. Accounts without any are missing.
    package func counts() async throws -> [AccountID: Int64] {
        try await database.read { sql in try RepositoryTable.counts(sql) }
    }

    // MARK: - Changing

    /// Deletes the repository and returns it. Its images, tags and memberships go with it; the collector removes bytes that no
    /// other repository uses.
    package func delete(
        _ name: RepositoryName, in registry: RegistryID, images: RemainingImages
    ) async throws -> Repository {
        let now = clock.now
        return try await change(name, in: registry) { row, sql in
            if images == .refused, try RepositoryTable.holdsImages(row.repository.id, sql) {
                throw Refusal.repositoryNotEmpty(row.repository)
            }
            try LostTable.rememberAll(of: row.repository.id, at: now, sql)
            try RepositoryTable.remove(row.repository.id, sql)
            return row.repository
        }
    }

    /// Sets whether tags may move. Existing tags stay as they are.
    package func setMutability(
        _ mutability: TagMutability, of name: RepositoryName, in registry: RegistryID
    ) async throws -> Repository {
        try mutability.check()
        return try await change(name, in: registry) { row, sql in
            try RepositoryTable.set(mutability, of: row.repository.id, sql)
            var repository = row.repository
            repository.mutability = mutability
            return repository
        }
    }

    /// Sets whether pushed images are scanned. The setting is stored and read back; nothing scans here yet.
    package func setScanOnPush(
        _ scanOnPush: Bool, of name: RepositoryName, in registry: RegistryID
    ) async throws -> Repository {
        try await change(name, in: registry) { row, sql in
            try RepositoryTable.set(scanOnPush: scanOnPush, of: row.repository.id, sql)
            var repository = row.repository
            repository.scanOnPush = scanOnPush
            return repository
        }
    }

    /// Makes one change to one repository, in a transaction, and drops what is in memory of it.
    func change<Value: Sendable>(
        _ name: RepositoryName, in registry: RegistryID,
        _ body: @escaping @Sendable (RepositoryTable.Row, any SQLConnection) throws -> Value
    ) async throws -> Value {
        // Also after an error: it may have come after the commit.
        defer { forget(name, in: registry) }
        return try await database.write { sql in
            let row = try RepositoryTable.existing(name, in: registry, sql)
            return try body(row, sql)
        }
    }

    /// The repository's row, read now.
    func row(_ name: RepositoryName, in registry: RegistryID) async throws -> RepositoryTable.Row {
        try await database.read { sql in
            try RepositoryTable.existing(name, in: registry, sql)
        }
    }
}
