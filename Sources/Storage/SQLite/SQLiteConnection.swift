import GRDB
import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One connection inside a transaction: the port on GRDB's cached statements.
struct SQLiteConnection: SQLConnection {
    private let connection: Database

    init(_ connection: Database) { self.connection = connection }

    func rows(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] {
        do {
            let statement = try prepare(sql, arguments)
            let cursor = try Row.fetchCursor(statement)
            let columns = statement.columnCount
            var rows: [SQLRow] = []
            while let row = try cursor.next() {
                rows.append(SQLRow(try (0..<columns).map { try Self.value(row, $0) }))
            }
            return rows
        } catch let error as DatabaseError {
            throw SQLError(error)
        }
    }

    func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
        do {
            let before = connection.totalChangesCount
            try prepare(sql, arguments).execute()
            // `changesCount` keeps its last value through statements that change nothing, such as CREATE TABLE. The total tells
            // these apart, but also counts what triggers and foreign keys do.
            return connection.totalChangesCount == before ? 0 : connection.changesCount
        } catch let error as DatabaseError {
            throw SQLError(error)
        }
    }

    private func prepare(_ sql: String, _ arguments: [SQLValue]) throws -> Statement {
        // SQLite numbers parameters by first appearance: a leading `$2` would silently become the first one, and values would be
        // swapped. The check costs about 1 µs; a statement costs about 50.
        if let reason = SQLParameters.problem(in: sql, count: arguments.count) {
            throw SQLError(isUnique: false, isFull: false, description: "\(reason): \(sql)")
        }
        let statement = try connection.cachedStatement(sql: sql)
        try statement.setArguments(StatementArguments(try arguments.map(Self.databaseValue)))
        return statement
    }

    private static func databaseValue(_ value: SQLValue) throws -> DatabaseValue {
        switch value {
        case .null: return .null
        case .integer(let number): return number.databaseValue
        case .bytes(let bytes): return Data(bytes).databaseValue
        case .text(let text):
            // Neither SQLite's C strings nor PostgreSQL can store a NUL byte.
            guard !text.utf8.contains(0) else {
                throw SQLError(isUnique: false, isFull: false, description: "a text holds a NUL byte")
            }
            return text.databaseValue
        }
    }

    private static func value(_ row: Row, _ column: Int) throws -> SQLValue {
        let value: DatabaseValue = row[column]
        switch value.storage {
        case .null: return .null
        case .int64(let number): return .integer(number)
        case .string(let text): return .text(text)
        case .blob(let bytes): return .bytes([UInt8](bytes))
        case .double:
            throw SQLError(
                isUnique: false, isFull: false, description: "column \(column) holds a floating-point number")
        }
    }
}

/// Checks the `$n` of a statement: in order of first use, each at most the number of values.
enum SQLParameters {
    static func problem(in sql: String, count: Int) -> String? {
        var highest = 0
        var rest = Substring(sql)
        while let dollar = rest.firstIndex(of: "$") {
            rest = rest[rest.index(after: dollar)...]
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int(digits) else { continue }
            if number > highest + 1 { return "$\(number) comes before $\(highest + 1)" }
            highest = max(highest, number)
        }
        return highest == count ? nil : "\(count) values for \(highest) parameters"
    }
}
