package import WeirCore

/// The managed policies: AWS's, and those that accounts make.
///
/// Each call takes the ARN as its caller wrote it. One of another account is as unknown as one that is not there.
package struct ManagedPolicies: Sendable {
    /// The versions that a policy may have at a time.
    package static let maxVersions = 5

    let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    // MARK: Making and finding

    /// Throws `.malformedPolicyDocument`, `.iamLimitExceeded` for a document that is too long, `.iamInvalidInput` for a tag that
    /// is there twice, and `.entityAlreadyExists`.
    package func create(
        _ name: String, path: String, document: String, description: String?, tags: [ResourceTag], in account: AccountID
    ) async throws -> ManagedPolicy {
        try Self.check(document)
        try PolicyTags.check(tags)
        let entity = Entity(
            id: EntityID.new(.policy), account: account, kind: .policy, name: name, path: path, description: description,
            createdAt: store.clock.now, tags: PolicyTags.sorted(tags))
        try await store.write { sql in
            guard try EntityTable.insert(entity, sql) else {
                throw Refusal(
                    .entityAlreadyExists, "A policy called \(name) already exists. Duplicate names are not allowed.")
            }
            try ManagedPolicyTable.insert(entity.id, document: document, at: entity.createdAt, sql)
        }
        return ManagedPolicy(entity, defaultVersion: 1, PolicyUsage())
    }

    /// Throws `.noSuchEntity`.
    package func policy(_ arn: String, in account: AccountID) async throws -> ManagedPolicy {
        try await store.read { sql in
            let found = try Self.find(arn, in: account, sql, else: Self.notFound)
            let usage = try PolicyQueries.usage(of: found.arn.text(), in: account, sql)
            return try Self.policy(found, usage, sql)
        }
    }

    /// The policy's tags, for those who decide about it; nil where there is none.
    package func tags(ofExisting arn: String, in account: AccountID) async throws -> [ResourceTag]? {
        try await store.read { sql in try Self.existing(arn, in: account, sql)?.entity?.tags }
    }

    /// Throws `.noSuchEntity`, and `.deleteConflict` while it is used or has other versions than its default.
    package func delete(_ arn: String, in account: AccountID) async throws {
        try await store.write { sql in
            let entity = try Self.findToChange(arn, in: account, sql, else: Self.notFound)
            let usage = try PolicyQueries.usage(of: ManagedPolicyARN(entity).text(), in: account, sql)
            guard usage == PolicyUsage() else {
                throw Refusal(.deleteConflict, "Cannot delete a policy attached to entities.")
            }
            guard try ManagedPolicyTable.versions(of: entity.id, sql).count <= 1 else {
                throw Refusal(
                    .deleteConflict,
                    "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
                        + "The default version is deleted with the policy.")
            }
            try ManagedPolicyTable.delete(entity.id, sql)
            try EntityTable.delete(id: entity.id, sql)
        }
    }

    // MARK: Tags

    /// Sets tags; others stay. Throws `.iamInvalidInput` and `.iamLimitExceeded`.
    package func tag(_ arn: String, _ tags: [ResourceTag], in account: AccountID) async throws {
        try PolicyTags.check(tags)
        try await changeTags(arn, in: account) { try PolicyTags.adding(tags, to: $0) }
    }

    /// Takes tags away; keys that are not there are ignored.
    package func untag(_ arn: String, _ keys: [String], in account: AccountID) async throws {
        let keys = Set(keys)
        try await changeTags(arn, in: account) { $0.filter { !keys.contains($0.key) } }
    }

    private func changeTags(
        _ arn: String, in account: AccountID, _ change: @escaping @Sendable ([ResourceTag]) throws -> [ResourceTag]
    ) async throws {
        try await store.write { sql in
            var entity = try Self.findToChange(arn, in: account, sql, else: Self.notFound)
            entity.tags = try change(entity.tags)
            try EntityTable.update(entity, sql)
        }
    }

    // MARK: What they share

    /// Throws `.malformedPolicyDocument`, and `.iamLimitExceeded` for a document that is too long.
    static func check(_ document: String) throws(Refusal) {
        try IdentityPolicyText.check(document)
        guard IdentityPolicyText.size(document) <= IdentityPolicyText.maxManaged else {
            throw Refusal(.iamLimitExceeded, "Cannot exceed quota for PolicySize: \(IdentityPolicyText.maxManaged)")
        }
    }

    /// A policy that there is.
    enum Found: Sendable {
        case aws(AWSManagedPolicies.Policy)
        case own(Entity)

        var arn: ManagedPolicyARN {
            switch self {
            case .aws(let policy): ManagedPolicyARN(policy)
            case .own(let entity): ManagedPolicyARN(entity)
            }
        }

        /// Nil for AWS's.
        var entity: Entity? { if case .own(let entity) = self { entity } else { nil } }
    }

    /// Nil where there is none, where it is another account's, and for a text that is no ARN.
    static func existing(_ text: String, in account: AccountID, _ sql: any SQLConnection) throws -> Found? {
        guard let arn = ManagedPolicyARN(text) else { return nil }
        guard let owner = arn.account else { return AWSManagedPolicies.policy(arn: text).map { .aws($0) } }
        guard owner == account, let entity = try EntityTable.find(.policy, named: arn.name, in: account, sql),
            entity.name == arn.name, entity.path == arn.path
        else { return nil }
        return .own(entity)
    }

    /// Throws `.validation` for a text that is no ARN of a policy, and `.noSuchEntity` with the sentence of `missing`.
    static func find(
        _ text: String, in account: AccountID, _ sql: any SQLConnection, else missing: (String) -> String
    ) throws -> Found {
        guard ManagedPolicyARN(text) != nil else { throw Refusal(.validation, "ARN \(text) is not valid.") }
        guard let found = try existing(text, in: account, sql) else { throw Refusal(.noSuchEntity, missing(text)) }
        return found
    }

    /// The same for an operation that changes it. AWS's are `.accessDenied`.
    static func findToChange(
        _ text: String, in account: AccountID, _ sql: any SQLConnection, else missing: (String) -> String
    ) throws -> Entity {
        switch try find(text, in: account, sql, else: missing) {
        case .own(let entity): return entity
        case .aws: throw Refusal(.accessDenied, "Policy is outside your own account.")
        }
    }

    static func policy(_ found: Found, _ usage: PolicyUsage, _ sql: any SQLConnection) throws -> ManagedPolicy {
        switch found {
        case .aws(let policy): ManagedPolicy(policy, usage)
        case .own(let entity):
            ManagedPolicy(entity, defaultVersion: try ManagedPolicyTable.defaultVersion(of: entity.id, sql), usage)
        }
    }

    static func notFound(_ arn: String) -> String { "Policy \(arn) was not found." }

    static func notAttachable(_ arn: String) -> String { "Policy \(arn) does not exist or is not attachable." }
}

/// The tags of managed policies and OIDC providers, whose keys are told apart by case.
enum PolicyTags {
    static let max = 50

    /// Throws where a key is there twice.
    static func check(_ tags: [ResourceTag]) throws(Refusal) {
        guard Set(tags.map(\.key)).count == tags.count else { throw Refusal(.iamInvalidInput, "Duplicate tag keys found.") }
    }

    /// Throws where there would be too many.
    static func adding(_ tags: [ResourceTag], to old: [ResourceTag]) throws(Refusal) -> [ResourceTag] {
        let keys = Set(tags.map(\.key))
        let all = sorted(old.filter { !keys.contains($0.key) } + tags)
        guard all.count <= max else {
            throw Refusal(.iamLimitExceeded, "The number of tags has reached the maximum limit.")
        }
        return all
    }

    static func sorted(_ tags: [ResourceTag]) -> [ResourceTag] { tags.sorted { $0.key < $1.key } }
}
