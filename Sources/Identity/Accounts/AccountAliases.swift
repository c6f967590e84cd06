package import WeirCore

/// The names of accounts: one each at most, and of one account alone.
package struct AccountAliases: Sendable {
    let store: IdentityStore

    package init(store: IdentityStore) { self.store = store }

    /// Replaces the account's alias. Throws `.entityAlreadyExists` where another account has it.
    package func set(_ alias: String, of account: AccountID) async throws {
        let now = store.clock.now
        let taken = Refusal(.entityAlreadyExists, "The account alias \(alias) already exists.")
        do {
            try await store.write { sql in
                if let owner = try AccountTable.account(ofAlias: alias, sql), owner != account { throw taken }
                try AccountTable.setAlias(alias, of: account, at: now, sql)
            }
        } catch let error as SQLError where error.isUnique { throw taken }
    }

    /// Nil where it has none.
    package func alias(of account: AccountID) async throws -> String? {
        try await store.read { sql in try AccountTable.alias(of: account, sql) }
    }

    /// Throws `.noSuchEntity` where the account has another, or none.
    package func delete(_ alias: String, of account: AccountID) async throws {
        let now = store.clock.now
        try await store.write { sql in
            guard try AccountTable.alias(of: account, sql) == alias else {
                throw Refusal(.noSuchEntity, "The Account Alias with name \(alias) cannot be found.")
            }
            try AccountTable.setAlias(nil, of: account, at: now, sql)
        }
    }
}
