import GRDB
import Glibc
import Synchronization
package import WeirCore

/// Rows in one SQLite file: one writer, and several readers that do not wait for it (WAL).
///
/// When `write` returns, the commit is on disk: `synchronous=FULL` syncs the log at every commit. GRDB's own queues do the
/// blocking work, so nothing here blocks the cooperative pool.
package final class SQLiteDatabase: SQLDatabase {
    /// Concurrent readers. More than the number of cores helps only on a slow disk.
    private static let readers = 4
    /// In seconds: how long to wait for another process that locks the file, such as a backup.
    private static let patience = 10.0
    /// The log is truncated to this after a checkpoint, so that one burst does not leave a huge file. In bytes.
    private static let logBytes = 64 << 20

    let database: any DatabaseWriter
    private let writes = Atomic<UInt64>(0)
    /// What the log's checkpoints share (`SQLiteDatabase+Log`).
    let log = LogState()

    /// Opens the file, or creates it readable by its owner alone; the log gets the same mode. Blocks: call it at the start.
    package init(path: String) throws {
        do {
            try Self.makeFile(path)
            let pool = try DatabasePool(path: path, configuration: Self.configuration())
            // After GRDB, which sets NORMAL when it turns the WAL on: with NORMAL a power cut may lose the last commits.
            try pool.writeWithoutTransaction { connection in
                try connection.execute(sql: "PRAGMA synchronous = FULL")
                guard try Int.fetchOne(connection, sql: "PRAGMA synchronous") == 2 else {
                    throw SQLError(isUnique: false, isFull: false, description: "SQLite does not take synchronous=FULL")
                }
            }
            database = pool
        } catch let error as DatabaseError {
            throw SQLError(error, opening: path)
        }
    }

    private init(_ database: any DatabaseWriter) { self.database = database }

    /// A database that lives as long as this object, for tests.
    package static func inMemory() throws -> SQLiteDatabase {
        do {
            return SQLiteDatabase(try DatabaseQueue(configuration: configuration()))
        } catch let error as DatabaseError {
            throw SQLError(error, opening: "memory")
        }
    }

    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws -> Value {
        do {
            return try await database.read { try body(SQLiteConnection($0)) }
        } catch let error as DatabaseError {
            throw SQLError(error)
        }
    }

    package func write<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws -> Value {
        // Not GRDB's async `write`, which rolls back when the waiting task is cancelled.
        try await withCheckedThrowingContinuation { (waiting: CheckedContinuation<Value, any Error>) in
            database.asyncWriteWithoutTransaction { connection in
                let outcome = Result { try Self.transaction(connection, body) }
                // Before the caller resumes. After a failure too: it may have come from the commit itself.
                self.writes.add(1, ordering: .releasing)
                waiting.resume(with: outcome)
            }
        }
    }

    package var version: UInt64? { writes.load(ordering: .acquiring) }

    package func migrate(_ migrations: [Migration]) async throws {
        try await write { try SQLiteMigrations.prepare($0) }
        for migration in migrations {
            try await write { try SQLiteMigrations.apply(migration, $0) }
        }
    }

    private static func transaction<Value>(
        _ connection: Database, _ body: (any SQLConnection) throws -> Value
    ) throws -> Value {
        var value: Value?
        do {
            // IMMEDIATE takes the write lock at the beginning, so that no transaction fails half-way for lack of it.
            try connection.inTransaction(.immediate) {
                value = try body(SQLiteConnection(connection))
                return .commit
            }
        } catch let error as DatabaseError {
            throw SQLError(error)
        }
        guard let value else {
            throw SQLError(isUnique: false, isFull: false, description: "the transaction ended without its value")
        }
        return value
    }

    private static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.label = "weir.sqlite"
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(patience)
        configuration.maximumReaderCount = readers
        configuration.persistentReadOnlyConnections = true
        configuration.prepareDatabase { connection in
            try connection.execute(sql: "PRAGMA journal_size_limit = \(logBytes)")
            try connection.execute(sql: "PRAGMA temp_store = MEMORY")
            // A deleted key or secret leaves no bytes in free pages.
            try connection.execute(sql: "PRAGMA secure_delete = ON")
            try connection.execute(sql: "PRAGMA trusted_schema = OFF")
        }
        return configuration
    }

    /// SQLite would create the file with the process's umask, and gives its log the same mode. Only creates the file and never
    /// opens an existing one: closing any descriptor of a file drops this process's locks on it.
    private static func makeFile(_ path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
            _ = Glibc.close(descriptor)
        } else if errno != EEXIST {
            let reason = String(cString: strerror(errno))
            throw SQLError(isUnique: false, isFull: false, description: "cannot open the database \(path): \(reason)")
        }
    }
}
