package import WeirCore

/// The groups of each account, and the users in them.
package struct Groups: Sendable {
    /// The groups that a user may be in.
    package static let mostOfUser: Int64 = 10

    private let entities: Entities
    private var store: IdentityStore { entities.store }

    package init(store: IdentityStore) { entities = Entities(store: store) }

    package func create(_ new: NewEntity, in account: AccountID) async throws -> Entity {
        let now = store.clock.now
        return try await store.write { sql in try Entities.create(.group, new, in: account, at: now, sql) }
    }

    /// The group, and a page of its users.
    package func get(
        _ name: String, in account: AccountID, usersAfter after: String? = nil, limit: Int
    ) async throws -> (group: Entity, users: IdentityPage<Entity>) {
        try await store.read { sql in
            let group = try Entities.existing(.group, name, in: account, sql)
            let users = try MembershipTable.users(of: group.id, after: after, limit: limit.adding(1), sql)
                .compactMap { id in try EntityTable.find(id: id, sql) }
            return (group, IdentityPage(entities: users, limit: limit))
        }
    }

    package func list(
        in account: AccountID, path: String = "/", after: String? = nil, limit: Int
    ) async throws -> IdentityPage<Entity> {
        try await entities.list(.group, in: account, path: path, after: after, limit: limit)
    }

    package func update(_ name: String, to newName: String?, path: String?, in account: AccountID) async throws {
        let now = store.clock.now
        try await store.write { sql in
            try Entities.rename(.group, name, to: newName, path: path, in: account, at: now, sql)
        }
    }

    /// Throws `.deleteConflict` while it has policies or users.
    package func delete(_ name: String, in account: AccountID) async throws {
        try await store.write { sql in try Entities.delete(Entities.existing(.group, name, in: account, sql), sql) }
    }

    // MARK: Users in groups

    /// Nothing happens if the user is in the group already.
    package func add(user: String, to group: String, in account: AccountID) async throws {
        try await store.write { sql in
            let user = try Entities.existing(.user, user, in: account, sql)
            let group = try Entities.existing(.group, group, in: account, sql)
            guard try !MembershipTable.contains(user: user.id, in: group.id, sql) else { return }
            guard try MembershipTable.count(ofUser: user.id, sql) < Self.mostOfUser else {
                throw Refusal.overQuota("GroupsPerUser", Int(clamping: Self.mostOfUser))
            }
            try MembershipTable.put(user: user.id, in: group.id, sql)
        }
    }

    /// Nothing happens if the user is not in the group.
    package func remove(user: String, from group: String, in account: AccountID) async throws {
        try await store.write { sql in
            let user = try Entities.existing(.user, user, in: account, sql)
            let group = try Entities.existing(.group, group, in: account, sql)
            try MembershipTable.delete(user: user.id, from: group.id, sql)
        }
    }

    package func groups(
        ofUser name: String, in account: AccountID, after: String? = nil, limit: Int
    ) async throws -> IdentityPage<Entity> {
        try await store.read { sql in
            let user = try Entities.existing(.user, name, in: account, sql)
            let groups = try MembershipTable.groups(of: user.id, after: after, limit: limit.adding(1), sql)
                .compactMap { id in try EntityTable.find(id: id, sql) }
            return IdentityPage(entities: groups, limit: limit)
        }
    }
}
