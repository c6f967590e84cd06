package import WeirCore

/// The users of each account.
package struct Users: Sendable {
    private let entities: Entities
    private var store: IdentityStore { entities.store }

    package init(store: IdentityStore) { entities = Entities(store: store) }

    package func create(_ new: NewEntity, in account: AccountID) async throws -> Entity {
        let now = store.clock.now
        return try await store.write { sql in try Entities.create(.user, new, in: account, at: now, sql) }
    }

    package func get(_ name: String, in account: AccountID) async throws -> Entity {
        try await entities.get(.user, named: name, in: account)
    }

    /// - Parameters:
    ///   - path: what their paths begin with, letter by letter.
    ///   - after: a page's `next`.
    package func list(
        in account: AccountID, path: String = "/", after: String? = nil, limit: Int
    ) async throws -> IdentityPage<Entity> {
        try await entities.list(.user, in: account, path: path, after: after, limit: limit)
    }

    /// Its unique id, its keys and its rights stay; its ARN is another one.
    package func update(_ name: String, to newName: String?, path: String?, in account: AccountID) async throws {
        let now = store.clock.now
        try await store.write { sql in
            try Entities.rename(.user, name, to: newName, path: path, in: account, at: now, sql)
        }
    }

    /// Throws `.deleteConflict` while it has policies, access keys or groups.
    package func delete(_ name: String, in account: AccountID) async throws {
        try await store.write { sql in try Entities.delete(Entities.existing(.user, name, in: account, sql), sql) }
    }

    package func tag(_ name: String, in account: AccountID, _ tags: [ResourceTag]) async throws {
        try await entities.tag(.user, named: name, in: account, tags)
    }

    package func untag(_ name: String, in account: AccountID, _ keys: [String]) async throws {
        try await entities.untag(.user, named: name, in: account, keys)
    }
}
