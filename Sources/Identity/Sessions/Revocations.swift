package import WeirCore

/// Ends the sessions of a user or role that exist, and the registry tokens that were made with them or with the user's keys. Its
/// keys go on, and new sessions can be made.
package struct Revocations: Sendable {
    private let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    /// Everything that was issued before now is over when this returns. Returns that moment.
    ///
    /// Throws `.noSuchEntity` where the account has no user or role of that name.
    @discardableResult
    package func revokeSessions(of kind: EntityKind, named name: String, in account: AccountID) async throws -> Timestamp {
        let now = store.clock.now
        let isDone = try await store.write { sql in
            guard kind == .user || kind == .role, var entity = try EntityTable.find(kind, named: name, in: account, sql) else {
                return false
            }
            entity.sessionsRevokedAt = max(now, entity.sessionsRevokedAt ?? now)
            try EntityTable.update(entity, sql)
            return true
        }
        guard isDone else {
            throw Refusal(.noSuchEntity, "The \(kind.rawValue) with name \(name) cannot be found.")
        }
        return now
    }
}
