import Synchronization
package import WeirCore

/// The accounts that live on this server, side by side: each has a root, users, roles and registries of its own.
///
/// The home account is the one that the program was started for. Its root key is a file or a setting of the program, and it
/// cannot be disabled here. All others are made, disabled and given root keys through this type.
package final class Accounts: Sendable {
    /// Each is a row in memory.
    package static let most: Int64 = 10_000
    /// Of one account, as in IAM.
    package static let mostRootKeys = 2

    private struct Known: Sendable {
        /// The store's generation that the accounts are of.
        var generation: UInt64 = 0
        var ids: Set<AccountID> = []
        var disabled: Set<AccountID> = []
        var home: AccountID?
    }

    private let store: IdentityStore
    private let keys: AccessKeys
    private let known = Mutex(Known())

    /// Knows of no account until `load()`.
    package init(store: IdentityStore, keys: AccessKeys) {
        self.store = store
        self.keys = keys
    }

    /// Reads which accounts there are and which are disabled: call it before the server accepts requests.
    package func load() async throws {
        // A read that begins after this moment sees all writes up to it; another one may have read later meanwhile.
        let generation = store.generation
        let accounts = try await store.read { sql in try AccountTable.all(sql) }
        known.withLock { known in
            guard known.ids.isEmpty || generation >= known.generation else { return }
            known.generation = generation
            known.ids = Set(accounts.map(\.id))
            known.disabled = Set(accounts.filter { $0.disabledAt != nil }.map(\.id))
            keys.close(known.disabled)
        }
    }

    /// Says which account the server is started for. It has a row from then on, and is not disabled.
    package func begin(at home: AccountID) async throws {
        let account = Account(id: home, alias: nil, createdAt: store.clock.now, disabledAt: nil)
        try await store.write { sql in
            _ = try AccountTable.insert(account, sql)
            try AccountTable.disable(home, at: nil, sql)
        }
        known.withLock { $0.home = home }
        try await load()
    }

    /// The account lives here: its principals may be named, and sign in unless it is disabled.
    package func isHosted(_ account: AccountID) -> Bool {
        known.withLock { $0.ids.contains(account) } || keys.rootAccounts.contains(account)
    }

    package func isDisabled(_ account: AccountID) -> Bool { known.withLock { $0.disabled.contains(account) } }

    /// The account that the server was started for; nil before `begin`.
    package var home: AccountID? { known.withLock { $0.home } }

    /// The accounts whose root keys stay when the home account's is replaced.
    package var made: Set<AccountID> { known.withLock { known in known.ids.filter { $0 != known.home } } }

    // MARK: Lists

    /// In the order of their numbers, at most `limit`.
    package func list(after: String?, limit: Int) async throws -> [AccountSummary] {
        try await store.read { sql in try AccountListQueries.list(after: after, limit: limit, sql) }
    }

    /// The access keys of an account, or of all where it is nil, in the order of their ids, at most `limit`.
    package func keys(of account: AccountID?, after: String?, limit: Int) async throws -> [AccessKeySummary] {
        try await store.read { sql in try AccountListQueries.keys(of: account, after: after, limit: limit, sql) }
    }

    // MARK: Changes

    /// Makes an account with its first root key.
    ///
    /// - Parameters:
    ///   - id: nil for one at random.
    ///   - partition: of the ARNs of its root.
    package func create(_ id: AccountID?, alias: String?, partition: String) async throws -> (Account, NewRootKey) {
        for attempt in 1...4 {
            let account = Account(
                id: try id ?? Self.randomID(), alias: alias, createdAt: store.clock.now, disabledAt: nil)
            switch try await store.write({ sql in try Self.insert(account, sql) }) {
            case .made:
                try await load()
                return (account, try await newKey(of: account.id, partition: partition))
            case .numberTaken where id == nil && attempt < 4: continue
            case .numberTaken: throw Refusal.accountInvalid("accountId", "This server has the account \(account.id) already")
            case .aliasTaken: throw Refusal.accountInvalid("alias", "Another account has the alias '\(alias ?? "")'")
            case .tooMany: throw Refusal(.limitExceeded, "This server has \(Self.most) accounts, which is the most")
            }
        }
        throw Refusal(.limitExceeded, "No free account number was found: ask for one by its twelve digits")
    }

    private enum Insertion: Sendable { case made, numberTaken, aliasTaken, tooMany }

    private static func insert(_ account: Account, _ sql: any SQLConnection) throws -> Insertion {
        guard try AccountTable.count(sql) < most else { return .tooMany }
        if try AccountTable.insert(account, sql) { return .made }
        return try AccountTable.find(account.id, sql) == nil ? .aliasTaken : .numberTaken
    }

    /// Gives an account another root key.
    ///
    /// - Parameter replacing: ends the account's earlier root keys: they open nothing when this returns.
    /// - Returns: the key, and the ids of those that have ended.
    package func createRootKey(
        of id: AccountID, partition: String, replacing: Bool
    ) async throws -> (NewRootKey, removed: [String]) {
        try await checkIsOther(
            id, "its root key is that of the server's credentials file or settings: docs/operating.md, Accounts")
        let earlier = keys.rootKeys(of: id)
        guard replacing || earlier.count < Self.mostRootKeys else {
            throw Refusal(
                .limitExceeded,
                "The account \(id) has \(earlier.count) root keys, which is the most: replace them, or remove one")
        }
        let key = try await newKey(of: id, partition: partition)
        guard replacing else { return (key, []) }
        for old in earlier { try await keys.remove(id: old) }
        return (key, earlier)
    }

    /// - Parameter isDisabled: true ends what its root, users and roles may do, from the moment that this returns: their keys,
    ///   sessions, registry tokens and links open nothing. False gives it all back.
    package func set(_ id: AccountID, isDisabled: Bool) async throws -> Account {
        try await checkIsOther(id, "the server is its own, and it cannot be disabled")
        let moment = isDisabled ? store.clock.now : nil
        let account: Account?
        do {
            account = try await store.write { sql in
                try AccountTable.disable(id, at: moment, sql)
                return try AccountTable.find(id, sql)
            }
        } catch {
            // Whether it was committed may not be known.
            try await load()
            throw error
        }
        try await load()
        guard let account else { throw Self.unknown(id) }
        return account
    }

    /// Removes a key of the caller's account; callers of the home account may remove those of all.
    ///
    /// An account's root key is removed only by its root, or from the home account. The home account's own stays.
    package func removeKey(_ id: String, for caller: Caller) async throws {
        let home = known.withLock { $0.home }
        let isFromHome = caller.account == home
        guard let (account, isRoot) = keys.account(of: id), isFromHome || caller.account == account else {
            throw Refusal.accountInvalid("accessKeyId", "There is no access key \(id.prefix(128))")
        }
        if isRoot, account == home {
            throw Refusal.accountInvalid(
                "accessKeyId",
                "\(id) is the root key of the server's home account: it is that of the server's credentials file or settings")
        }
        if isRoot, !isFromHome, !caller.isRoot {
            throw Refusal(.accessDenied, "\(caller.principalARN) may not remove a root key: only the account's root may")
        }
        try await keys.remove(id: id)
    }

    private func newKey(of id: AccountID, partition: String) async throws -> NewRootKey {
        let key = NewRootKey(of: id)
        try await keys.add(id: key.id, secret: key.secret, account: id, partition: partition)
        return key
    }

    private func checkIsOther(_ id: AccountID, _ reason: String) async throws {
        guard known.withLock({ $0.home }) != id else {
            throw Refusal.accountInvalid("accountId", "\(id) is the server's home account: \(reason)")
        }
        guard try await store.read({ sql in try AccountTable.find(id, sql) }) != nil else { throw Self.unknown(id) }
    }

    private static func unknown(_ id: AccountID) -> Refusal {
        Refusal.accountInvalid("accountId", "This server has no account \(id)")
    }

    private static func randomID() throws -> AccountID {
        // The first digit is not 0: tools that take the number for one would drop it.
        try AccountID(String(Int64.random(in: 100_000_000_000...999_999_999_999)))
    }
}

extension Refusal {
    /// In the operator API's general form for an invalid parameter.
    fileprivate static func accountInvalid(_ member: String, _ reason: String) -> Refusal {
        Refusal(.invalidParameter, "Invalid parameter at '\(member)' failed to satisfy constraint: '\(reason)'")
    }
}
