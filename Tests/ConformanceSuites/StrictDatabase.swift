import Foundation
import Synchronization
package import WeirCore

/// A database that is as strict as the strictest driver will be. What SQLite lets pass and PostgreSQL does not fails here: a
/// transaction that goes on after a statement has failed.
///
/// Where the environment's WEIR_STATEMENTS names a file, every statement is written into it once. `make unit` names one, and
/// `Tests/Clients/test_postgresql.py` has PostgreSQL prepare what stands there. A line of JSON for each statement of a migration, in
/// their order, and for each other one with the types of its values:
///
///     {"migration":"registry-1","sql":"CREATE TABLE …"}
///     {"sql":"SELECT …","types":["bigint","text","unknown"]}
package struct StrictDatabase: SQLDatabase {
    private let base: any SQLDatabase

    package init(_ base: any SQLDatabase) { self.base = base }

    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws -> Value {
        try await base.read { try StrictConnection($0).run(body) }
    }

    package func write<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws -> Value {
        try await base.write { try StrictConnection($0).run(body) }
    }

    package func migrate(_ migrations: [Migration]) async throws {
        StatementFile.named?.add(
            migrations.flatMap { migration in
                migration.statements.map { ["migration": .string(migration.id), "sql": .string($0)] }
            })
        try await base.migrate(migrations)
    }

    package func scrub() async { await base.scrub() }
    package var version: UInt64? { base.version }
}

private final class StrictConnection: SQLConnection {
    private let base: any SQLConnection
    private var failure: SQLError?

    init(_ base: any SQLConnection) { self.base = base }

    func run<Value>(_ body: (any SQLConnection) throws -> Value) throws -> Value {
        let value = try body(self)
        if let failure { throw failure }
        return value
    }

    func rows(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] {
        try ask(sql, arguments) { try base.rows(sql, arguments) }
    }

    func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
        try ask(sql, arguments) { try base.execute(sql, arguments) }
    }

    private func ask<Answer>(_ sql: String, _ arguments: [SQLValue], _ base: () throws -> Answer) throws -> Answer {
        if let failure {
            throw SQLError(isUnique: false, isFull: false, description: "the transaction is over since this failed: \(failure)")
        }
        StatementFile.named?.add([["sql": .string(sql), "types": .array(arguments.map(Self.type))]])
        do {
            return try base()
        } catch let error as SQLError {
            failure = error
            throw error
        }
    }

    private static func type(_ value: SQLValue) -> JSONValue {
        switch value {
        case .null: "unknown"
        case .integer: "bigint"
        case .text: "text"
        case .bytes: "bytea"
        }
    }
}

/// Lines, each once.
private final class StatementFile: Sendable {
    static let named = ProcessInfo.processInfo.environment["WEIR_STATEMENTS"].map { StatementFile(path: $0) }

    private let path: String
    private let seen = Mutex<Set<String>>([])

    init(path: String) { self.path = path }

    func add(_ lines: [JSONValue]) {
        seen.withLock { seen in
            let new = lines.map(\.text).filter { seen.insert($0).inserted }
            guard !new.isEmpty, let file = fopen(path, "a") else { return }
            fputs(new.map { $0 + "\n" }.joined(), file)
            fclose(file)
        }
    }
}
