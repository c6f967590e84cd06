package import WeirCore

/// A repository's policy, its lifecycle policy and its tags.
extension Repositories {
    /// Whether a policy may prevent its author from setting another one.
    package enum Lockout: Sendable { case refused, accepted }

    /// Checks and stores the policy. The text is stored, and read back, as it was written.
    package func setPolicy(
        _ text: String, of name: RepositoryName, in registry: RegistryID, by caller: Caller, lockout: Lockout
    ) async throws -> Repository {
        let policy = try PolicyDocument(checking: text, at: "PolicyText", hangingOn: .repository)
        let pins = try await policy.pins(by: principals)
        let origin = RequestOrigin.current
        let now = clock.now
        return try await change(name, in: registry) { row, sql in
            if lockout == .refused {
                var context = PolicyContext(of: caller, from: origin, at: now, owner: registry.account, in: registry.region)
                context.take(resourceTags: try RepositoryTable.tags(of: row.repository.id, sql), of: "ecr")
                let request = AuthorizationRequest(
                    caller: caller, action: "ecr:SetRepositoryPolicy", resource: row.repository.arn, owner: registry.account,
                    context: context)
                try Self.checkLockout(policy.answer(to: request), caller, registry)
            }
            try RepositoryTable.set(policy: text, pins, of: row.repository.id, sql)
            return row.repository
        }
    }

    private static func checkLockout(
        _ answer: ResourcePolicyAnswer, _ caller: Caller, _ registry: RegistryID
    ) throws(Refusal) {
        let isHome = caller.account == registry.account
        guard answer == .denies || (!isHome && answer == .isSilent) else { return }
        throw .invalidParameter(
            "PolicyText",
            "The new repository policy will not allow you to update the repository policy in the future. "
                + "Use force to set it nevertheless")
    }

    /// The policy's text, as it was set. A user or role in it that is gone stands there by its unique id.
    package func policy(of name: RepositoryName, in registry: RegistryID) async throws -> String {
        let row = try await row(name, in: registry)
        guard let policy = row.policy else { throw Refusal.repositoryPolicyNotFound(row.repository) }
        return try await row.pins.readBack(policy, by: principals)
    }

    /// Deletes the policy and returns it.
    package func deletePolicy(of name: RepositoryName, in registry: RegistryID) async throws -> String {
        let (policy, pins) = try await change(name, in: registry) { row, sql in
            guard let policy = row.policy else { throw Refusal.repositoryPolicyNotFound(row.repository) }
            try RepositoryTable.set(policy: nil, of: row.repository.id, sql)
            return (policy, row.pins)
        }
        return try await pins.readBack(policy, by: principals)
    }

    /// Checks and stores the lifecycle policy. The text is stored, and read back, as it was written.
    package func setLifecyclePolicy(
        _ text: String, of name: RepositoryName, in registry: RegistryID
    ) async throws -> Repository {
        _ = try LifecyclePolicy(checking: text)
        return try await change(name, in: registry) { row, sql in
            try RepositoryTable.set(lifecyclePolicy: text, of: row.repository.id, sql)
            return row.repository
        }
    }

    /// The repository's AWS tags, by key.
    package func tags(of name: RepositoryName, in registry: RegistryID) async throws -> [ResourceTag] {
        try await database.read { sql in
            let row = try RepositoryTable.existing(name, in: registry, sql)
            return try RepositoryTable.tags(of: row.repository.id, sql)
        }
    }

    /// Adds tags; a key that exists gets the new value.
    package func tag(_ name: RepositoryName, in registry: RegistryID, with tags: [ResourceTag]) async throws {
        try ResourceTags.check(tags)
        try await change(name, in: registry) { row, sql in
            for tag in tags { try RepositoryTable.put(tag, on: row.repository.id, sql) }
            guard try RepositoryTable.tags(of: row.repository.id, sql).count <= ResourceTags.maxPerRepository else {
                throw ResourceTags.tooMany
            }
        }
    }

    /// Removes tags; a missing key is no error.
    package func untag(_ name: RepositoryName, in registry: RegistryID, keys: [String]) async throws {
        for key in keys { try ResourceTags.check(key: key) }
        try await change(name, in: registry) { row, sql in
            for key in keys { try RepositoryTable.removeTag(key, from: row.repository.id, sql) }
        }
    }
}
