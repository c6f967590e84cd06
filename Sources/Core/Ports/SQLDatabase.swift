/// Where rows are kept. SQL is written once, in the words that SQLite 3.40 and PostgreSQL 15 share: `$1` numbered in
/// order of first use, `ON CONFLICT`, `RETURNING`, integer microseconds, 0/1 booleans, JSON as text, `BYTEA`.
///
/// Text is compared and ordered by its bytes, whatever the language of the machine.
///
/// A closure does nothing but SQL: it is synchronous, so that no transaction waits for the network. After an `SQLError` its
/// transaction takes no further statement and is rolled back, whether the error was caught or not: what may be there already is
/// found out by `ON CONFLICT` and the count of rows.
package protocol SQLDatabase: Sendable {
    /// One consistent snapshot. Reads do not wait for writers.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws -> Value

    /// One transaction: all or nothing, and on disk when this returns. A thrown error rolls it back.
    ///
    /// Cancelling the waiting task does not undo the transaction: a client that hangs up must not lose its work.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws -> Value

    /// A number that changes with every write: a read result is valid while it stays the same. Nil if other processes write as
    /// well.
    var version: UInt64? { get }

    /// Removes deleted rows from the database's files, its log included: for secrets that are destroyed. If a reader is active,
    /// the removal completes soon after this returns.
    func scrub() async

    /// Applies, in order, the migrations that have not been applied yet, each in its own transaction.
    func migrate(_ migrations: [Migration]) async throws
}

/// A step of the schema. Append-only: databases have applied what was released, so neither its order nor its effect changes.
package struct Migration: Sendable {
    /// Unique and permanent, such as `registry-1`.
    package let id: String
    package let statements: [String]

    package init(_ id: String, _ statements: [String]) {
        self.id = id
        self.statements = statements
    }
}

/// One connection inside a transaction.
package protocol SQLConnection {
    /// The rows of a SELECT, or of a RETURNING.
    func rows(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow]

    /// Runs a statement and returns the number of rows it changed.
    @discardableResult
    func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int
}

/// A value in a row or an argument.
package enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    case bytes([UInt8])

    package static func text(_ noun: (some CustomStringConvertible)?) -> Self {
        noun.map { .text($0.description) } ?? .null
    }
    package static func timestamp(_ moment: Timestamp?) -> Self {
        moment.map { .integer($0.microseconds) } ?? .null
    }
    package static func flag(_ value: Bool) -> Self { .integer(value ? 1 : 0) }
    package static func integer(_ value: Int) -> Self { .integer(Int64(value)) }
}

/// A row: its values in the order of the SELECT's columns.
package struct SQLRow: Sendable {
    private let values: [SQLValue]

    package init(_ values: [SQLValue]) { self.values = values }

    /// The column's text. Throws `SQLTypeError` for another type: schema and reader disagree.
    package func text(_ column: Int) throws -> String {
        guard case .text(let value) = values[column] else { throw SQLTypeError(column: column, wanted: "text") }
        return value
    }
    package func optionalText(_ column: Int) throws -> String? {
        values[column] == .null ? nil : try text(column)
    }
    package func integer(_ column: Int) throws -> Int64 {
        guard case .integer(let value) = values[column] else {
            throw SQLTypeError(column: column, wanted: "integer")
        }
        return value
    }
    package func optionalInteger(_ column: Int) throws -> Int64? {
        values[column] == .null ? nil : try integer(column)
    }
    /// A number of bytes, clamped to a `ByteCount`: the row may be older than today's checks, or damaged.
    package func size(_ column: Int) throws -> Int64 { ByteCount(clamping: try integer(column)).bytes }
    package func optionalSize(_ column: Int) throws -> Int64? {
        try optionalInteger(column).map { ByteCount(clamping: $0).bytes }
    }
    package func bytes(_ column: Int) throws -> [UInt8] {
        guard case .bytes(let value) = values[column] else { throw SQLTypeError(column: column, wanted: "bytes") }
        return value
    }
    package func optionalBytes(_ column: Int) throws -> [UInt8]? {
        values[column] == .null ? nil : try bytes(column)
    }
    package func timestamp(_ column: Int) throws -> Timestamp { Timestamp(microseconds: try integer(column)) }
    package func optionalTimestamp(_ column: Int) throws -> Timestamp? {
        try optionalInteger(column).map { Timestamp(microseconds: $0) }
    }
    package func flag(_ column: Int) throws -> Bool { try integer(column) != 0 }
    /// The registry that `account`, at this column, and `region`, after it, name.
    package func registry(_ column: Int) throws -> RegistryID {
        RegistryID(account: try AccountID(text(column)), region: try Region(text(column + 1)))
    }
}

extension RegistryID {
    /// Its columns: `account`, `region`.
    package var columns: [SQLValue] { [.text(account), .text(region)] }
}

/// A column has another type than its reader expects.
package struct SQLTypeError: Error, Equatable {
    package let column: Int
    package let wanted: String
}

/// A failed statement. `isUnique` is true for a broken UNIQUE or PRIMARY KEY constraint: constraints decide "already exists", not
/// a read before.
package struct SQLError: Error, CustomStringConvertible {
    package let isUnique: Bool
    package let isFull: Bool
    package let description: String

    package init(isUnique: Bool, isFull: Bool, description: String) {
        self.isUnique = isUnique
        self.isFull = isFull
        self.description = description
    }
}

extension Refusal {
    /// The refusal for a write that failed because the disk has no room even for a row (`SQLError.isFull`).
    package init(full error: SQLError) {
        self.init(
            .storageFull, "The server's volume is full, and not even a row finds room. Free some, then try again",
            facts: ["error": "\(error)"])
    }
}
