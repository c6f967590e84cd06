import Foundation
import Testing
import WeirCore
import WeirApplication
import WeirStorage

/// docs/schema.sql is the result of all migrations.
@Suite struct SchemaTests {
    @Test func theDrawnSchemaIsTheOneThatIsMade() async throws {
        let database = try SQLiteDatabase.inMemory()
        try await database.migrate(Application.migrations)
        let statements = try await database.read { sql in
            try sql.rows(
                """
                SELECT sql FROM sqlite_master
                WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migration'
                ORDER BY tbl_name, type DESC, name
                """, []
            ).map { try $0.text(0) }
        }
        let made =
            "-- What all migrations come to, printed by SchemaTests. They themselves: …Schema.swift.\n\n"
            + statements.map { Self.tidied($0) + ";\n" }.joined(separator: "\n")
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../docs/schema.sql")
        if ProcessInfo.processInfo.environment["WEIR_PRINT"] != nil {
            try made.write(to: page, atomically: true, encoding: .utf8)
        }
        let drawn = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
        #expect(drawn == made, "The schema has changed: WEIR_PRINT=1 make quick ROOM=WebTests prints docs/schema.sql anew")
    }

    /// Without the indentation that a statement has in its file.
    private static func tidied(_ statement: String) -> String {
        let lines = statement.split(separator: "\n", omittingEmptySubsequences: false)
        let indent = lines.dropFirst().filter { !$0.allSatisfy { $0 == " " } }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        // The last line is the closing parenthesis, at the statement's own column.
        return lines.enumerated().map { $0.offset == 0 ? String($0.element) : String($0.element.dropFirst(indent)) }
            .joined(separator: "\n")
    }
}
