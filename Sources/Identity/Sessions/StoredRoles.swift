import WeirCore

/// The roles of the database, as they can be assumed.
package struct StoredRoles: AssumableRoles {
    private let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    package func role(_ arn: RoleARN) async throws -> AssumableRole? {
        try await store.read { sql in try AssumableRoleQueries.role(arn, sql) }
    }
}
