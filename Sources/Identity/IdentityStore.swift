import Synchronization
package import WeirCore

/// The database as this room uses it: every write ends what was remembered of users, roles and policies.
package final class IdentityStore: Sendable {
    package let clock: WallClock
    private let database: any SQLDatabase
    private let writes = Atomic<UInt64>(0)

    package init(database: any SQLDatabase, clock: WallClock) {
        self.database = database
        self.clock = clock
    }

    /// Changes with every write, before the write's caller goes on. What was read while it had another value may be out of date.
    var generation: UInt64 { writes.load(ordering: .acquiring) }

    func read<Value: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> Value) async throws -> Value {
        try await database.read(body)
    }

    /// One transaction. When this returns, every decision that begins is made by what was written.
    func write<Value: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> Value) async throws -> Value {
        // Also after a failure: whether the transaction was committed may not be known.
        defer { writes.wrappingAdd(1, ordering: .releasing) }
        return try await database.write(body)
    }

    /// Removes deleted secrets from the database's files.
    func scrub() async { await database.scrub() }
}
