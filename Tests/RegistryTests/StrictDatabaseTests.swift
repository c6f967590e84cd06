import ConformanceSuites
import Testing
import WeirCore
import WeirRegistry
import WeirStorage

/// The tests' database is as strict as PostgreSQL where SQLite is not.
@Suite struct StrictDatabaseTests {
    private static let insert = "INSERT INTO registry_fact (name, value) VALUES ($1, $2)"

    private func database() async throws -> any SQLDatabase {
        let database = StrictDatabase(try SQLiteDatabase.inMemory())
        try await database.migrate(RegistrySchema.migrations)
        _ = try await database.write { try $0.execute(Self.insert, [.text("a"), .text("1")]) }
        return database
    }

    private func facts(_ database: any SQLDatabase) async throws -> [String] {
        try await database.read { try $0.rows("SELECT name FROM registry_fact ORDER BY name", []).map { try $0.text(0) } }
    }

    @Test func aTransactionDoesNotGoOnAfterAnError() async throws {
        let database = try await database()
        let error = await #expect(throws: SQLError.self) {
            try await database.write { sql in
                _ = try? sql.execute(Self.insert, [.text("a"), .text("2")])
                try sql.execute(Self.insert, [.text("b"), .text("2")])
            }
        }
        #expect(error?.isUnique == false)
        #expect(try await facts(database) == ["a"])
    }

    @Test func aCaughtErrorRollsBack() async throws {
        let database = try await database()
        let error = await #expect(throws: SQLError.self) {
            try await database.write { sql in
                try sql.execute(Self.insert, [.text("b"), .text("2")])
                _ = try? sql.execute(Self.insert, [.text("a"), .text("2")])
            }
        }
        #expect(error?.isUnique == true)
        #expect(try await facts(database) == ["a"])
    }
}
