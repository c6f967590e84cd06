import ConformanceSuites
import Foundation
import Testing
import WeirCore
import WeirStorage

@Suite struct SQLiteDatabaseTests {
    @Test func inMemoryConforms() async throws {
        try await checkSQLDatabase { try SQLiteDatabase.inMemory() }
    }

    @Test func aFileConforms() async throws {
        try await withFolder { folder in
            var number = 0
            try await checkSQLDatabase {
                number += 1
                return try SQLiteDatabase(path: folder + "/\(number).sqlite")
            }
        }
    }

    @Test func whatWasWrittenIsThereAfterReopening() async throws {
        try await withFolder { folder in
            let path = folder + "/weir.sqlite"
            let migration = Migration("test-1", ["CREATE TABLE t (a INTEGER)"])
            let first = try SQLiteDatabase(path: path)
            try await first.migrate([migration])
            try await first.write { _ = try $0.execute("INSERT INTO t (a) VALUES (42)", []) }
            try first.close()
            let second = try SQLiteDatabase(path: path)
            try await second.migrate([migration])
            #expect(try await second.read { try $0.rows("SELECT a FROM t", [])[0].integer(0) } == 42)
        }
    }

    @Test func onlyTheOwnerReadsTheFiles() async throws {
        try await withFolder { folder in
            let database = try SQLiteDatabase(path: folder + "/weir.sqlite")
            try await database.write { _ = try $0.execute("CREATE TABLE t (a INTEGER)", []) }
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(Set(files).isSuperset(of: ["weir.sqlite", "weir.sqlite-wal"]))
            for file in files {
                let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/" + file)
                #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
            }
            try database.close()
        }
    }

    @Test func aCommitIsSyncedAndReadersDoNotWait() async throws {
        try await withFolder { folder in
            let database = try SQLiteDatabase(path: folder + "/weir.sqlite")
            let pragmas = try await database.write { sql in
                try ["synchronous", "foreign_keys", "busy_timeout"].map {
                    try sql.rows("PRAGMA \($0)", [])[0].integer(0)
                }
            }
            #expect(pragmas == [2, 1, 10_000])
            #expect(try await database.read { try $0.rows("PRAGMA journal_mode", [])[0].text(0) } == "wal")
            // A read inside a running write, which would never end if it waited.
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (readIsDone, done) = AsyncStream<Void>.makeStream()
                let semaphore = DispatchSemaphore(value: 0)
                group.addTask { try await database.write { _ in semaphore.wait() } }
                group.addTask {
                    _ = try await database.read { try $0.rows("SELECT 1", []) }
                    done.yield()
                }
                for await _ in readIsDone { break }
                semaphore.signal()
                try await group.waitForAll()
            }
        }
    }

    @Test func aDatabaseThatIsNoneSaysSo() async throws {
        try await withFolder { folder in
            let path = folder + "/weir.sqlite"
            try Data("this is not a database, it is much too friendly".utf8).write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: SQLError.self) { try SQLiteDatabase(path: path) }
            #expect(error?.description.contains("weir.sqlite") == true)
            #expect(throws: SQLError.self) { try SQLiteDatabase(path: folder + "/no/such/folder.sqlite") }
        }
    }

    @Test(
        "Parameters out of order are found in tests",
        arguments: [
            ("SELECT $2, $1", 2), ("SELECT $1, $3", 2), ("SELECT $1", 2), ("SELECT $1, $2", 1), ("SELECT 1", 1),
        ])
    func parametersOutOfOrder(sql: String, count: Int) async throws {
        let database = try SQLiteDatabase.inMemory()
        let values = Array(repeating: SQLValue.integer(Int64(1)), count: count)
        await #expect(throws: SQLError.self) { try await database.read { _ = try $0.rows(sql, values) } }
    }

    @Test func aFullDiskIsToldFromOtherErrors() async throws {
        let database = try SQLiteDatabase.inMemory()
        try await database.migrate([Migration("test-1", ["CREATE TABLE t (a BLOB)"])])
        let pages = try await database.write { sql in
            _ = try sql.rows("PRAGMA max_page_count = 20", [])
            return try sql.rows("PRAGMA page_count", [])[0].integer(0)
        }
        #expect(pages < 20)
        let error = await #expect(throws: SQLError.self) {
            try await database.write {
                try $0.execute("INSERT INTO t (a) VALUES ($1)", [.bytes([UInt8](repeating: 1, count: 1 << 20))])
            }
        }
        #expect(error?.isFull == true)
        #expect(try await database.read { try $0.rows("SELECT a FROM t", []).count } == 0)
    }

    @Test func anErrorDoesNotTellTheArguments() async throws {
        let database = try SQLiteDatabase.inMemory()
        try await database.migrate([Migration("test-1", ["CREATE TABLE t (a TEXT UNIQUE)"])])
        let insert: @Sendable () async throws -> Void = {
            try await database.write { _ = try $0.execute("INSERT INTO t (a) VALUES ($1)", [.text("geheim")]) }
        }
        try await insert()
        let error = await #expect(throws: SQLError.self) { try await insert() }
        #expect(error?.description.contains("geheim") == false)
    }
}
