package import WeirCore

/// Aliases and tags.
extension Keys {
    package func createAlias(_ name: String, for target: String, in registry: RegistryID) async throws {
        try KMSAlias.check(name)
        let reference = try Self.target(target, in: registry)
        try await settle()
        let now = clock.now
        try await database.write { sql in
            let key = try Self.aliasable(reference, in: registry, sql)
            let alias = KMSAlias(registry: registry, name: name, keyID: key.id, createdAt: now, updatedAt: now)
            guard try AliasTable.insert(alias, sql) else {
                throw Refusal(.kmsAlreadyExists, "An alias with the name \(alias.arn) already exists")
            }
        }
    }

    package func updateAlias(_ name: String, to target: String, in registry: RegistryID) async throws {
        try KMSAlias.check(name)
        let reference = try Self.target(target, in: registry)
        try await settle()
        let now = clock.now
        try await database.write { sql in
            let key = try Self.aliasable(reference, in: registry, sql)
            guard try AliasTable.point(name, in: registry, at: key.id, at: now, sql) else {
                throw Refusal.aliasMissing(name, in: registry)
            }
        }
    }

    package func deleteAlias(_ name: String, in registry: RegistryID) async throws {
        try KMSAlias.check(name)
        try await database.write { sql in
            guard try AliasTable.delete(name, in: registry, sql) else {
                throw Refusal.aliasMissing(name, in: registry)
            }
        }
    }

    /// Sorted by name, of one key or of all. The list of all includes aliases of AWS managed keys that do not exist yet, as in
    /// KMS; `describe` creates such a key.
    package func aliases(
        of keyName: String?, in registry: RegistryID, after place: String?, limit: Int
    ) async throws -> VaultPage<ListedAlias> {
        let reference = try keyName.map { try KeyReference($0, in: registry) }
        try await settle()
        let aliases = try await database.read { sql in
            let key = try reference?.find(in: registry, sql)
            return try AliasTable.page(in: registry, of: key?.id, after: place ?? "", limit: limit + 1, sql)
        }
        var listed = aliases.map { ListedAlias.named($0) }
        if reference == nil {
            let names = Set(aliases.map(\.name))
            let promised = ManagedService.allCases.map(\.alias).filter { $0 > place ?? "" && !names.contains($0) }
            listed += promised.map { .promised(name: $0, in: registry) }
            // The alias of a managed key that exists, beyond this page, comes here as promised too; it sorts after the page and
            // is cut off.
            listed.sort { $0.name < $1.name }
        }
        return VaultPage(of: listed, limit: limit) { $0.name }
    }

    package func tags(of name: String, in registry: RegistryID) async throws -> [ResourceTag] {
        let reference = try KeyReference(name, in: registry)
        try await settle()
        return try await database.read { sql in
            try KeyTagTable.all(of: reference.find(in: registry, sql), sql)
        }
    }

    package func tag(_ name: String, in registry: RegistryID, with tags: [ResourceTag]) async throws {
        try KeyTags.check(tags)
        try await changeTags(of: name, in: registry) { key, sql in
            try KeyTagTable.put(tags, of: key, sql)
            guard try KeyTagTable.all(of: key, sql).count <= KeyTags.limit else { throw Refusal.tooManyKeyTags }
        }
    }

    package func untag(_ name: String, in registry: RegistryID, _ keys: [String]) async throws {
        try await changeTags(of: name, in: registry) { key, sql in try KeyTagTable.remove(keys, of: key, sql) }
    }

    private func changeTags(
        of name: String, in registry: RegistryID, _ edit: @escaping @Sendable (KMSKey, any SQLConnection) throws -> Void
    ) async throws {
        let reference = try KeyReference(name, in: registry)
        try await settle()
        try await database.write { sql in
            let key = try reference.find(in: registry, sql)
            try key.checkCustomers()
            guard key.state != .pendingDeletion else { throw Refusal.keyPendingDeletion(key.arn) }
            try edit(key, sql)
        }
    }

    private static func target(_ text: String, in registry: RegistryID) throws -> KeyReference {
        let reference = try KeyReference(text, in: registry)
        guard case .id = reference else { throw Refusal(.validation, "Aliases must refer to keys. Not aliases") }
        return reference
    }

    private static func aliasable(
        _ reference: KeyReference, in registry: RegistryID, _ sql: any SQLConnection
    ) throws -> KMSKey {
        let key = try reference.find(in: registry, sql)
        try key.checkCustomers()
        guard key.state != .pendingDeletion else { throw Refusal.keyPendingDeletion(key.arn) }
        return key
    }
}
