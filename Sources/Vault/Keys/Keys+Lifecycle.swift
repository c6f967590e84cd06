package import WeirCore

extension Keys {
    package static let deletionDaysAllowed = 7...30

    package func create(_ new: NewKey, in registry: RegistryID) async throws -> KMSKey {
        try await settle()
        if let policy = new.policy { try KeyPolicy.check(policy) }
        try KeyTags.check(new.tags)
        let (key, material) = try draft(new, manager: .customer, in: registry, at: clock.now)
        try await database.write { sql in try Self.insert(key, material, new.tags, sql) }
        try keyring.hold(key, [material])
        return key
    }

    /// In order of their ids.
    package func list(in registry: RegistryID, after place: String?, limit: Int) async throws -> VaultPage<KMSKey> {
        try await settle()
        let keys = try await database.read { sql in
            try KeyTable.page(in: registry, after: place ?? "", limit: limit + 1, sql)
        }
        return VaultPage(of: keys, limit: limit) { $0.id }
    }

    package func enable(_ name: String, in registry: RegistryID) async throws {
        try await change(name, in: registry) { key throws(Refusal) in
            guard key.state != .pendingDeletion else { throw .keyPendingDeletion(key.arn) }
            key.state = .enabled
        }
    }

    package func disable(_ name: String, in registry: RegistryID) async throws {
        try await change(name, in: registry) { key throws(Refusal) in
            guard key.state != .pendingDeletion else { throw .keyPendingDeletion(key.arn) }
            key.state = .disabled
        }
    }

    package func setDescription(_ description: String, of name: String, in registry: RegistryID) async throws {
        try await change(name, in: registry) { key throws(Refusal) in
            guard key.state != .pendingDeletion else { throw .keyPendingDeletion(key.arn) }
            key.description = description
        }
    }

    /// The key can be used no more from now on, and is destroyed after so many days.
    @discardableResult
    package func scheduleDeletion(
        of name: String, in registry: RegistryID, afterDays days: Int
    ) async throws -> KMSKey {
        let now = clock.now
        return try await change(name, in: registry) { key throws(Refusal) in
            guard key.state != .pendingDeletion else { throw .keyPendingDeletion(key.arn) }
            key.state = .pendingDeletion
            key.deletionAt = now + .days(days)
        }
    }

    /// The key is then disabled, as in KMS: who wants to use it enables it.
    @discardableResult
    package func cancelDeletion(of name: String, in registry: RegistryID) async throws -> KMSKey {
        try await change(name, in: registry) { key throws(Refusal) in
            guard key.state == .pendingDeletion else {
                throw Refusal(.kmsInvalidState, "\(key.arn) is not pending deletion.")
            }
            key.state = .disabled
            key.deletionAt = nil
        }
    }

    package func setPolicy(_ policy: String, of name: String, in registry: RegistryID) async throws {
        try KeyPolicy.check(policy)
        try await change(name, in: registry) { key throws(Refusal) in key.policy = policy }
    }

    package func enableRotation(of name: String, in registry: RegistryID, everyDays days: Int?) async throws {
        let now = clock.now
        try await change(name, in: registry) { key throws(Refusal) in
            try key.checkUsable()
            let days = days ?? key.rotation?.days ?? KMSKey.Rotation.defaultDays
            guard key.rotation?.days != days else { return }
            key.rotation = KMSKey.Rotation(days: days, next: now + .days(days))
        }
    }

    package func disableRotation(of name: String, in registry: RegistryID) async throws {
        try await change(name, in: registry) { key throws(Refusal) in
            try key.checkUsable()
            key.rotation = nil
        }
    }

    /// One change of a key that the user made: decided on the row as it is inside the transaction, and told to the keyring after
    /// the commit. Keys are named by id or ARN here; KMS takes no alias for these.
    @discardableResult
    private func change(
        _ name: String, in registry: RegistryID, _ edit: @escaping @Sendable (inout KMSKey) throws(Refusal) -> Void
    ) async throws -> KMSKey {
        let reference = try KeyReference(name, in: registry)
        guard case .id = reference else {
            throw Refusal(.kmsInvalidArn, "\(name.prefix(300)) is an alias: name the key by its key ID or its ARN.")
        }
        try await settle()
        let changed = try await database.write { sql in
            var key = try reference.find(in: registry, sql)
            try key.checkCustomers()
            try edit(&key)
            key.revision += 1
            try KeyTable.update(key, sql)
            return key
        }
        keyring.update(changed)
        return changed
    }
}

extension KMSKey {
    /// Throws for a key that the server made: users cannot change those, as in AWS.
    func checkCustomers() throws(Refusal) {
        guard manager == .customer else {
            throw Refusal(.accessDenied, "\(arn) is an AWS managed key: it can be used and looked at, not changed.")
        }
    }
}
