package import WeirCore

extension Keys {
    package static let deletionDaysAllowed = 7...30

    /// - Parameters:
    ///   - author: the caller that the key's policy must allow to change it later; nil skips that check.
    ///   - principals: know the users and roles that the policy names.
    package func create(
        _ new: NewKey, in registry: RegistryID, by author: Caller? = nil, principals: any PrincipalPolicies = RootsAlone()
    ) async throws -> KMSKey {
        try await settle()
        try KeyTags.check(new.tags)
        let (drafted, material) = try draft(new, manager: .customer, in: registry, at: clock.now)
        var made = drafted
        if let policy = new.policy {
            try KeyPolicy.check(policy, of: made, by: author, at: clock.now)
            made.pins = try await KeyPolicy.pins(policy, by: principals)
        }
        let key = made
        try await database.write { sql in try Self.insert(key, material, new.tags, sql) }
        try keyring.hold(key, [material])
        return key
    }

    /// Sorted by id.
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

    /// The key is unusable from now on, and is destroyed after `days`.
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

    /// The key is then disabled, as in KMS: enable it to use it again.
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

    /// - Parameters:
    ///   - author: the caller that the policy must allow to change it again; nil skips that check.
    ///   - principals: know the users and roles that the policy names.
    package func setPolicy(
        _ policy: String, of name: String, in registry: RegistryID, by author: Caller? = nil,
        principals: any PrincipalPolicies = RootsAlone()
    ) async throws {
        let pins = try await KeyPolicy.pins(policy, by: principals)
        try await change(name, in: registry) { key throws(Refusal) in
            try KeyPolicy.check(policy, of: key, by: author, at: clock.now)
            key.policy = policy
            key.pins = pins
        }
    }

    /// One change of a key by the user. It is decided inside the transaction, on the row as it is then, and goes to the keyring
    /// after the commit. `name` is an id or an ARN: KMS takes no alias for these operations.
    @discardableResult
    func change(
        _ name: String, in registry: RegistryID, _ edit: @escaping @Sendable (inout KMSKey) throws(Refusal) -> Void
    ) async throws -> KMSKey {
        let reference = try KeyReference.key(name, in: registry)
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
    /// Throws for an AWS managed key: users cannot change it.
    func checkCustomers() throws(Refusal) {
        guard manager == .customer else {
            throw Refusal(.accessDenied, "\(arn) is an AWS managed key: it can be used and looked at, not changed.")
        }
    }
}
