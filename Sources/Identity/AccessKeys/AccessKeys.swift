import Synchronization
package import WeirCore
package import WeirVault

/// The access keys that may sign requests, with their secrets.
///
/// Checking a signature needs the secret itself. So all secrets are held in memory in the clear, opened once by `load()`. On disk
/// they are sealed by the root key, each bound to its own id.
package final class AccessKeys: Sendable {
    package enum Status: String, Sendable {
        case active = "Active"
        case inactive = "Inactive"
    }

    /// Whose key it is.
    package enum Owner: Sendable, Hashable {
        /// The account's root, with its ARN's partition.
        case root(AccountID, partition: String)
        /// A user, by its unique id.
        case user(id: String, account: AccountID)

        package var account: AccountID {
            switch self {
            case .root(let account, partition: _), .user(id: _, account: let account): account
            }
        }
    }

    struct Entry: Sendable {
        let owner: Owner
        let secret: [UInt8]
        let createdAt: Timestamp
        var status: Status
        /// The number of the change that `status` is from.
        var change: UInt64 = 0

        var isRoot: Bool { if case .root = owner { true } else { false } }
    }

    let database: any SQLDatabase
    let rootKey: RootKey
    let clock: WallClock
    let entries = Mutex<[String: Entry]>([:])
    private let changes = Atomic<UInt64>(0)
    /// When keys and roles were last used.
    package let uses: LastUses
    /// Accounts whose keys open nothing.
    private let closed = Mutex<Set<AccountID>>([])

    /// Holds nothing until `load()` or `add`.
    package init(database: any SQLDatabase, rootKey: RootKey, clock: WallClock) {
        self.database = database
        self.rootKey = rootKey
        self.clock = clock
        uses = LastUses(database: database)
    }

    /// The number of a change of a key's status. Drawn inside its transaction, once its row is written: of two changes, the one
    /// that was written later has the higher number.
    func nextChange() -> UInt64 { changes.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Reads and opens all keys: call it before the server accepts requests. Throws if a secret does not open: then the root key
    /// is not the one that sealed it.
    package func load() async throws {
        let rows = try await database.read { sql in try AccessKeyTable.all(sql) }
        var loaded: [String: Entry] = [:]
        for row in rows {
            loaded[row.id] = Entry(
                owner: row.owner, secret: try rootKey.open(row.sealedSecret, as: Self.purpose(row.id)),
                createdAt: row.createdAt, status: row.status)
        }
        entries.withLock { $0 = loaded }
    }

    /// Adds an account's root access key. An existing id gets the new secret and account.
    package func add(id: String, secret: String, account: AccountID, partition: String = "aws") async throws {
        let owner = Owner.root(account, partition: partition)
        let bytes = Array(secret.utf8)
        let row = AccessKeyTable.Row(
            id: id, owner: owner, sealedSecret: try rootKey.seal(bytes, as: Self.purpose(id)), createdAt: clock.now,
            status: .active)
        try await database.write { sql in try AccessKeyTable.put(row, sql) }
        // On disk first: a key that works must still work after a restart.
        entries.withLock {
            $0[id] = Entry(owner: owner, secret: bytes, createdAt: row.createdAt, status: .active)
        }
    }

    /// Removes the key. From now on what it signs is refused, and so are registry tokens made with it.
    package func remove(id: String) async throws {
        // Out of memory first: the key must not work while the row is being deleted.
        entries.withLock { $0[id] = nil }
        try await database.write { sql in try AccessKeyTable.delete(id, sql) }
        await database.scrub()
    }

    /// Removes all other root keys, of the key's account and of every account that is not spared: a key that was replaced,
    /// perhaps because it leaked, must stop working.
    package func removeOthers(than id: String, sparing accounts: Set<AccountID> = []) async throws {
        let others = entries.withLock { entries -> [String] in
            guard let own = entries[id]?.owner.account else { return [] }
            return entries.filter { key, entry in
                key != id && entry.isRoot && (entry.owner.account == own || !accounts.contains(entry.owner.account))
            }.map(\.key)
        }
        for other in others { try await remove(id: other) }
    }

    /// The key's owner, also where the key is inactive; nil if the key is unknown.
    package func holder(of id: String) -> Owner? { entries.withLock { $0[id]?.owner } }

    /// The ids of an account's root keys, active or not.
    package func rootKeys(of account: AccountID) -> [String] {
        entries.withLock { entries in entries.filter { $0.value.isRoot && $0.value.owner.account == account }.map(\.key).sorted()
        }
    }

    /// From now on the keys of these accounts open nothing, and those of all others do: an earlier call is forgotten.
    package func close(_ accounts: Set<AccountID>) { closed.withLock { $0 = accounts } }

    /// The key's owner and its secret; nil if the key is unknown or not active, or its account is closed.
    package func secret(of id: String) -> (owner: Owner, secret: [UInt8])? {
        guard let entry = entries.withLock({ $0[id] }), entry.status == .active,
            !closed.withLock({ $0.contains(entry.owner.account) })
        else { return nil }
        return (entry.owner, entry.secret)
    }

    /// The key's account, whether it is active or not; nil if the key is unknown.
    package func account(of id: String) -> (account: AccountID, isRoot: Bool)? {
        entries.withLock { $0[id] }.map { ($0.owner.account, $0.isRoot) }
    }

    /// The key's owner; nil if the key is unknown or not active.
    package func owner(of id: String) -> Owner? { secret(of: id)?.owner }

    /// When the key was made.
    package func createdAt(_ id: String) -> Timestamp? { entries.withLock { $0[id]?.createdAt } }

    /// The accounts that have root keys.
    package var rootAccounts: Set<AccountID> {
        entries.withLock { Set($0.values.filter(\.isRoot).map(\.owner.account)) }
    }

    package var isEmpty: Bool { entries.withLock { $0.isEmpty } }

    static func purpose(_ id: String) -> String { "access-key/\(id)" }
}
