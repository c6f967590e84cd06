import ConformanceSuites
import Foundation
import Testing
import WeirCore
import WeirStorage

@Suite struct SQLiteLogTests {
    private static let migration = Migration("test-1", ["CREATE TABLE t (a TEXT)"])

    private func open(_ folder: String) async throws -> SQLiteDatabase {
        let database = try SQLiteDatabase(path: folder + "/weir.db")
        try await database.migrate([Self.migration])
        return database
    }

    private func put(_ text: String, into database: SQLiteDatabase) async throws {
        try await database.write { _ = try $0.execute("INSERT INTO t (a) VALUES ($1)", [.text(text)]) }
    }

    private func bytes(_ name: String, in folder: String) -> Data {
        FileManager.default.contents(atPath: folder + "/" + name) ?? Data()
    }

    @Test func aStopLeavesOneWholeFile() async throws {
        try await withFolder { folder in
            let database = try await open(folder)
            try await put("kept", into: database)
            // The database's readers are open, as at the end of a server's day.
            _ = try await database.read { try $0.rows("SELECT a FROM t", []) }
            try database.close()
            #expect(bytes("weir.db-wal", in: folder).isEmpty)
            let copy = folder + "/copy"
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: false)
            try FileManager.default.copyItem(atPath: folder + "/weir.db", toPath: copy + "/weir.db")
            let again = try await open(copy)
            #expect(try await again.read { try $0.rows("SELECT a FROM t", [])[0].text(0) } == "kept")
            try again.close()
        }
    }

    @Test func whatIsDestroyedStandsInNoFile() async throws {
        try await withFolder { folder in
            let database = try await open(folder)
            let secret = String(repeating: "geheim-", count: 20)
            try await put(secret, into: database)
            #expect(bytes("weir.db-wal", in: folder).range(of: Data(secret.utf8)) != nil)
            try await database.write { _ = try $0.execute("DELETE FROM t", []) }
            await database.scrub()
            for name in ["weir.db", "weir.db-wal"] {
                #expect(bytes(name, in: folder).range(of: Data(secret.utf8)) == nil, "\(name)")
            }
            try database.close()
        }
    }

    @Test func theFileIsNeverFarBehind() async throws {
        try await withFolder { folder in
            let database = try await open(folder)
            try await put("moved", into: database)
            #expect(bytes("weir.db", in: folder).range(of: Data("moved".utf8)) == nil)
            await database.tidy()
            #expect(bytes("weir.db", in: folder).range(of: Data("moved".utf8)) != nil)
            try database.close()
        }
    }
}
