package import WeirCore

/// The account that owns this server: that of the root access key. All that concerns the whole server is done for it.
package enum HomeAccount {
    /// Records the account on first use, and returns the recorded one. With another account none of the stored content would be
    /// visible.
    ///
    /// - Parameter known: the accounts that have root keys. A folder from before the record belongs to one of them.
    /// - Returns: the folder's account. Where it is not `wanted`, the program must not start with `wanted`.
    package static func recorded(
        wanted: AccountID, known: Set<AccountID>, in database: any SQLDatabase
    ) async throws -> AccountID {
        try await database.write { sql in
            if let recorded = try FactTable.value("home-account", sql).flatMap({ try? AccountID($0) }) { return recorded }
            let account =
                known.isEmpty || known.contains(wanted) ? wanted : known.min { $0.description < $1.description } ?? wanted
            try FactTable.record("home-account", account.description, sql)
            return account
        }
    }
}
