import Synchronization
import WeirCore

/// When access keys and roles were last used: noted in memory, and written from time to time, so that no request waits for the
/// write lock.
package final class LastUses: Sendable {
    private struct Noted {
        var keys: [String: LastUse] = [:]
        var roles: [String: LastUse] = [:]
    }

    private let database: any SQLDatabase
    private let noted = Mutex(Noted())

    init(database: any SQLDatabase) { self.database = database }

    /// - Parameter id: of a key that exists.
    func note(key id: String, _ use: LastUse) { noted.withLock { $0.keys[id] = use } }

    /// - Parameter id: of a role that exists.
    func note(role id: String, _ use: LastUse) { noted.withLock { $0.roles[id] = use } }

    /// Nil if none has been noted since the last writing.
    func use(ofKey id: String) -> LastUse? { noted.withLock { $0.keys[id] } }
    func use(ofRole id: String) -> LastUse? { noted.withLock { $0.roles[id] } }

    /// Writes what has been noted. What cannot be written is kept for the next time.
    package func write() async throws {
        let batch = noted.withLock { $0 }
        guard !batch.keys.isEmpty || !batch.roles.isEmpty else { return }
        try await database.write { sql in
            for (id, use) in batch.keys { try AccessKeyTable.setLastUse(use, of: id, sql) }
            for (id, use) in batch.roles { try RoleTable.setLastUse(use, of: id, sql) }
        }
        // Only now: until it is on disk, it is found here.
        noted.withLock { noted in
            for (id, use) in batch.keys where noted.keys[id] == use { noted.keys[id] = nil }
            for (id, use) in batch.roles where noted.roles[id] == use { noted.roles[id] = nil }
        }
    }
}
