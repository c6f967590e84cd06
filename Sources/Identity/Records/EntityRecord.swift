package import WeirCore

/// A user, group, role, managed policy, instance profile or OIDC provider with all that is kept of it but secrets: for exports
/// and checks of a whole account.
package struct EntityRecord: Sendable {
    /// A policy inside a user, group or role.
    package struct InlinePolicy: Sendable {
        package let name: String
        package let document: String
    }

    /// A managed policy's.
    package struct Version: Sendable {
        package let number: Int64
        package let document: String
        package let isDefault: Bool
        package let createdAt: Timestamp
    }

    /// A role's.
    package struct Trust: Sendable {
        package let document: String
        /// The unique ids of those whom it names, by the ARNs that it has for them.
        package let pins: [String: String]
        package let maxSessionSeconds: Int64

        /// As it decides; nil where it cannot be read: then it admits no one.
        package var policy: PolicyDocument? { try? PolicyDocument(document, as: .trust, maxLength: 131_072, pins: pins) }
    }

    /// An OIDC provider's. Lists are JSON arrays as they are stored.
    package struct Provider: Sendable {
        package let url: String
        package let clientIDs: String
        package let thumbprints: String
        /// The issuer's keys, where they were given to this server.
        package let keySet: String?
    }

    package let entity: Entity
    /// Of a user, group or role, by name.
    package var inline: [InlinePolicy] = []
    /// The ARNs of managed policies that a user, group or role has.
    package var attached: [String] = []
    /// The names of a user's groups.
    package var groups: [String] = []
    package var trust: Trust?
    /// Of a managed policy, oldest first.
    package var versions: [Version] = []
    /// The name of an instance profile's role.
    package var role: String?
    package var provider: Provider?
}

/// Reads whole accounts, piece by piece.
package struct EntityRecords: Sendable {
    private let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    /// The records of one kind, in the order of their names without regard to case, at most `limit`.
    ///
    /// - Parameter after: the name after which to begin.
    package func list(
        _ kind: EntityKind, in account: AccountID, after: String?, limit: Int
    ) async throws -> [EntityRecord] {
        try await store.read { sql in
            try EntityTable.list(kind, in: account, after: after.map(Entity.folded), limit: limit, sql).map { entity in
                try EntityRecordQueries.record(of: entity, sql)
            }
        }
    }

    /// The user or role of that name; nil where the account has none.
    package func find(_ kind: EntityKind, named name: String, in account: AccountID) async throws -> Entity? {
        try await store.read { sql in try EntityTable.find(kind, named: name, in: account, sql) }
    }

    /// Whether there is a managed policy of that ARN, AWS's or an account's own.
    func hasPolicy(_ arn: String) async throws -> Bool {
        try await store.read { sql in try PrincipalQueries.managed(arn, sql) } != nil
    }

    /// The record of an entity that was found.
    package func record(of entity: Entity) async throws -> EntityRecord {
        try await store.read { sql in try EntityRecordQueries.record(of: entity, sql) }
    }
}
