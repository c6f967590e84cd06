package import WeirCore

/// Whose server this is: the account of the root access key, for which everything that concerns the whole server is done.
package enum HomeAccount {
    /// Records the account on first use, and tells which one is recorded: with another one nothing of what is stored would be
    /// seen.
    ///
    /// - Parameter known: the accounts that have root keys. A folder from before there was a record belongs to one of them.
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
