import Synchronization
package import WeirCore
package import WeirVault

/// The access keys that may sign requests, with their secrets.
///
/// A signature is checked with the secret itself, so it must be there in the clear at every request: all of them are held in
/// memory, opened once by `load()`. On disk they are sealed by the root key, each bound to its own id.
package final class AccessKeys: Sendable {
    package enum Status: String, Sendable {
        case active = "Active"
        case inactive = "Inactive"
    }

    private struct Entry: Sendable {
        let caller: Caller
        let secret: [UInt8]
        let createdAt: Timestamp
        let status: Status
    }

    private let database: any SQLDatabase
    private let rootKey: RootKey
    private let clock: WallClock
    private let entries = Mutex<[String: Entry]>([:])

    /// Holds nothing until `load()` or `add`.
    package init(database: any SQLDatabase, rootKey: RootKey, clock: WallClock) {
        self.database = database
        self.rootKey = rootKey
        self.clock = clock
    }

    /// Reads and opens all keys: at the start, before the door opens. Throws where a secret does not open, which means that the
    /// root key is not the one it was sealed with.
    package func load() async throws {
        let rows = try await database.read { sql in try AccessKeyTable.all(sql) }
        var loaded: [String: Entry] = [:]
        for row in rows {
            loaded[row.id] = Entry(
                caller: row.caller, secret: try rootKey.open(row.sealedSecret, as: Self.purpose(row.id)),
                createdAt: row.createdAt, status: row.status)
        }
        entries.withLock { $0 = loaded }
    }

    /// Adds an account's root access key, or gives the one of that id another secret or account.
    package func add(id: String, secret: String, account: AccountID, partition: String = "aws") async throws {
        let caller = Caller(
            account: account, principalARN: "arn:\(partition):iam::\(account):root", isRoot: true,
            userID: account.description)
        let bytes = Array(secret.utf8)
        let row = AccessKeyTable.Row(
            id: id, caller: caller, sealedSecret: try rootKey.seal(bytes, as: Self.purpose(id)), createdAt: clock.now,
            status: .active)
        try await database.write { sql in try AccessKeyTable.put(row, sql) }
        // In memory only once it is on disk: a key that works must work after a restart too.
        entries.withLock {
            $0[id] = Entry(caller: caller, secret: bytes, createdAt: row.createdAt, status: .active)
        }
    }

    /// Takes the key away. What it signs from now on is refused, and so are registry tokens made with it.
    package func remove(id: String) async throws {
        // Out of memory first: between the two it must not still open a door.
        entries.withLock { $0[id] = nil }
        try await database.write { sql in try AccessKeyTable.delete(id, sql) }
        await database.scrub()
    }

    /// Takes all other root keys away, whatever account they were made for: one that was replaced, perhaps since it leaked, opens
    /// nothing any more.
    package func removeOthers(than id: String) async throws {
        let others = entries.withLock { entries -> [String] in
            guard entries[id] != nil else { return [] }
            return entries.filter { $0.key != id && $0.value.caller.isRoot }.map(\.key)
        }
        for other in others { try await remove(id: other) }
    }

    /// Who the key belongs to, and its secret; nil where it is unknown or not active.
    package func secret(of id: String) -> (caller: Caller, secret: [UInt8])? {
        entries.withLock { $0[id] }.flatMap { $0.status == .active ? ($0.caller, $0.secret) : nil }
    }

    /// The same without the secret.
    package func caller(of id: String) -> Caller? { secret(of: id)?.caller }

    /// When the key was made.
    package func createdAt(_ id: String) -> Timestamp? { entries.withLock { $0[id]?.createdAt } }

    /// The accounts that have root keys.
    package var rootAccounts: Set<AccountID> { entries.withLock { Set($0.values.filter(\.caller.isRoot).map(\.caller.account)) } }

    package var isEmpty: Bool { entries.withLock { $0.isEmpty } }

    private static func purpose(_ id: String) -> String { "access-key/\(id)" }
}
