package import WeirCore

/// An instance profile: a name for the role of a machine.
package struct InstanceProfile: Sendable, Equatable {
    package let entity: Entity
    /// Nil where it has none.
    package let role: Role?
}

/// The instance profiles of each account: records alone, for the tools that make them. No machine gets credentials by one.
package struct InstanceProfiles: Sendable {
    private let entities: Entities
    private var store: IdentityStore { entities.store }

    package init(store: IdentityStore) { entities = Entities(store: store) }

    package func create(_ new: NewEntity, in account: AccountID) async throws -> InstanceProfile {
        let now = store.clock.now
        return try await store.write { sql in
            let entity = try Entities.create(.instanceProfile, new, in: account, at: now, sql)
            try InstanceProfileTable.insert(id: entity.id, sql)
            return InstanceProfile(entity: entity, role: nil)
        }
    }

    package func get(_ name: String, in account: AccountID) async throws -> InstanceProfile {
        try await store.read { sql in
            try Self.profile(Entities.existing(.instanceProfile, name, in: account, sql), sql)
        }
    }

    package func list(
        in account: AccountID, path: String = "/", after: String? = nil, limit: Int
    ) async throws -> IdentityPage<InstanceProfile> {
        try await store.read { sql in
            try Self.page(
                EntityTable.list(.instanceProfile, in: account, path: path, after: after, limit: limit.adding(1), sql),
                limit: limit, sql)
        }
    }

    package func list(
        ofRole name: String, in account: AccountID, after: String? = nil, limit: Int
    ) async throws -> IdentityPage<InstanceProfile> {
        try await store.read { sql in
            let role = try Entities.existing(.role, name, in: account, sql)
            let entities = try InstanceProfileTable.profiles(of: role.id, after: after, limit: limit.adding(1), sql)
                .compactMap { id in try EntityTable.find(id: id, sql) }
            return try Self.page(entities, limit: limit, sql)
        }
    }

    /// Throws `.deleteConflict` while it has a role.
    package func delete(_ name: String, in account: AccountID) async throws {
        try await store.write { sql in
            let entity = try Entities.existing(.instanceProfile, name, in: account, sql)
            try Entities.delete(entity, sql)
            try InstanceProfileTable.delete(id: entity.id, sql)
        }
    }

    /// Throws `.iamLimitExceeded` where it has a role.
    package func add(role: String, to name: String, in account: AccountID) async throws {
        try await store.write { sql in
            let profile = try Entities.existing(.instanceProfile, name, in: account, sql)
            let role = try Entities.existing(.role, role, in: account, sql)
            guard try InstanceProfileTable.role(of: profile.id, sql) == nil else {
                throw Refusal.overQuota("InstanceSessionsPerInstanceProfile", 1)
            }
            try InstanceProfileTable.set(role: role.id, of: profile.id, sql)
        }
    }

    package func remove(role name: String, from profile: String, in account: AccountID) async throws {
        try await store.write { sql in
            let profile = try Entities.existing(.instanceProfile, profile, in: account, sql)
            let role = try Entities.existing(.role, name, in: account, sql)
            guard try InstanceProfileTable.role(of: profile.id, sql) == role.id else { throw Refusal.noSuch(.role, name) }
            try InstanceProfileTable.set(role: nil, of: profile.id, sql)
        }
    }

    package func tag(_ name: String, in account: AccountID, _ tags: [ResourceTag]) async throws {
        try await entities.tag(.instanceProfile, named: name, in: account, tags)
    }

    package func untag(_ name: String, in account: AccountID, _ keys: [String]) async throws {
        try await entities.untag(.instanceProfile, named: name, in: account, keys)
    }

    // MARK: What they share

    private static func page(
        _ entities: [Entity], limit: Int, _ sql: any SQLConnection
    ) throws -> IdentityPage<InstanceProfile> {
        let page = IdentityPage(entities: entities, limit: limit)
        return IdentityPage(items: try page.items.map { try profile($0, sql) }, next: page.next)
    }

    private static func profile(_ entity: Entity, _ sql: any SQLConnection) throws -> InstanceProfile {
        let role = try InstanceProfileTable.role(of: entity.id, sql)
            .flatMap { id in try EntityTable.find(id: id, sql) }
            .map { entity in try Roles.role(entity, sql) }
        return InstanceProfile(entity: entity, role: role)
    }
}
