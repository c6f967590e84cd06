package import WeirCore

/// A user, group, role or instance profile to be made.
package struct NewEntity: Sendable {
    package let name: String
    package var path = "/"
    package var description: String?
    /// The ARN of a managed policy.
    package var boundary: String?
    package var tags: [ResourceTag] = []

    package init(
        _ name: String, path: String = "/", description: String? = nil, boundary: String? = nil, tags: [ResourceTag] = []
    ) {
        self.name = name
        self.path = path
        self.description = description
        self.boundary = boundary
        self.tags = tags
    }
}

/// What users, groups, roles and instance profiles have in common: names, paths and tags.
///
/// Names are found without regard to case. All of these throw IAM's own refusals.
package struct Entities: Sendable {
    let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    /// Nil where the account has none of that name.
    package func find(_ kind: EntityKind, named name: String, in account: AccountID) async throws -> Entity? {
        try await store.read { sql in try EntityTable.find(kind, named: name, in: account, sql) }
    }

    /// By its unique id; nil where it is gone.
    package func find(id: String) async throws -> Entity? {
        try await store.read { sql in try EntityTable.find(id: id, sql) }
    }

    func get(_ kind: EntityKind, named name: String, in account: AccountID) async throws -> Entity {
        try await store.read { sql in try Self.existing(kind, name, in: account, sql) }
    }

    /// - Parameters:
    ///   - path: what their paths begin with, letter by letter.
    ///   - after: a page's `next`.
    func list(
        _ kind: EntityKind, in account: AccountID, path: String, after: String?, limit: Int
    ) async throws -> IdentityPage<Entity> {
        let entities = try await store.read { sql in
            try EntityTable.list(kind, in: account, path: path, after: after, limit: limit.adding(1), sql)
        }
        return IdentityPage(entities: entities, limit: limit)
    }

    /// Adds tags, or gives those that are there new values.
    func tag(_ kind: EntityKind, named name: String, in account: AccountID, _ tags: [ResourceTag]) async throws {
        try await change(kind, named: name, in: account) { entity in
            entity.tags = try EntityTagRules.changed(entity.tags, adding: tags)
        }
    }

    /// Tags that are not there are ignored.
    func untag(_ kind: EntityKind, named name: String, in account: AccountID, _ keys: [String]) async throws {
        try await change(kind, named: name, in: account) { entity in
            entity.tags = EntityTagRules.changed(entity.tags, removing: keys)
        }
    }

    func change(
        _ kind: EntityKind, named name: String, in account: AccountID, _ body: @escaping @Sendable (inout Entity) throws -> Void
    ) async throws {
        let now = store.clock.now
        try await store.write { sql in
            var entity = try Self.existing(kind, name, in: account, sql)
            if kind == .role { try RoleTable.requireModifiable(entity, sql) }
            try body(&entity)
            entity.changedAt = now
            try EntityTable.update(entity, sql)
        }
    }

    // MARK: Inside a transaction

    static func existing(
        _ kind: EntityKind, _ name: String, in account: AccountID, _ sql: any SQLConnection
    ) throws -> Entity {
        guard let entity = try EntityTable.find(kind, named: name, in: account, sql) else { throw Refusal.noSuch(kind, name) }
        return entity
    }

    /// Inserts it, checked.
    static func create(
        _ kind: EntityKind, _ new: NewEntity, in account: AccountID, at now: Timestamp, _ sql: any SQLConnection
    ) throws -> Entity {
        let entity = Entity(
            id: EntityID.new(kind), account: account, kind: kind, name: new.name, path: new.path, description: new.description,
            createdAt: now, boundary: try new.boundary.map { try PermissionsBoundaries.resolve($0, in: account, sql) },
            tags: try EntityTagRules.new(new.tags))
        guard try EntityTable.insert(entity, sql) else { throw Refusal.taken(kind, new.name) }
        return entity
    }

    /// Gives it another name, another path, or both. Its unique id stays.
    static func rename(
        _ kind: EntityKind, _ name: String, to newName: String?, path: String?, in account: AccountID, at now: Timestamp,
        _ sql: any SQLConnection
    ) throws {
        var entity = try existing(kind, name, in: account, sql)
        if let newName, let other = try EntityTable.find(kind, named: newName, in: account, sql), other.id != entity.id {
            throw Refusal.taken(kind, newName)
        }
        entity.name = newName ?? entity.name
        entity.path = path ?? entity.path
        entity.changedAt = now
        try EntityTable.update(entity, sql)
    }

    /// Deletes it if nothing hangs on it.
    static func delete(_ entity: Entity, _ sql: any SQLConnection) throws {
        for (first, isInTheWay) in EntityConflictQueries.checks(of: entity.kind) where try isInTheWay(entity.id, sql) {
            throw Refusal.deleteConflict(first)
        }
        try EntityTable.delete(id: entity.id, sql)
    }
}
