import Foundation
import Testing

/// Habits that the compiler does not check.
@Suite struct LintTests {
    private let files = SourceFile.all

    /// Where work may outlive the request that began it: named services that own their tasks, and why.
    private static let mayStartTasks: [String: String] = [
        "Identity/OIDC/IssuerKeySets.swift": "one fetch of an issuer's keys is shared by all who wait for it",
        "Registry/PullThrough/Fill/Fills.swift": "a fill goes on when its client hangs up",
        "Registry/SingleFlight.swift": "one upstream request is shared by all who wait for it",
        "Upstream/Health/Circuits.swift": "one probe of a dead server is shared by all who wait for it",
        "Upstream/Login/Tokens.swift": "one login is shared by all who wait for it",
        "Server/Connection/Connection.swift":
            "a request is answered on its connection's event loop; OpenConnections waits for all",
    ]

    private static let task = #"(?<![.\w])Task(\.detached)? *(\{|\(|<[^>]*>[({])"#

    @Test func tasksBelongToNamedServices() throws {
        let found = try files.lines(matching: Self.task)
        let strays = found.filter { Self.mayStartTasks[$0.file.path] == nil }
        #expect(
            strays.isEmpty,
            """
            A bare Task outlives its caller and nobody waits for it at shutdown. Use a task group or `async let`; where work must outlive \
            its request, give it a named service and a line in LintTests.mayStartTasks that says why.\(strays.listed)
            """)
        let used = Set(found.map(\.file.path))
        let idle = Self.mayStartTasks.keys.filter { !used.contains($0) }.sorted()
        #expect(idle.isEmpty, "These files start no task any more: take their lines out of LintTests.mayStartTasks. \(idle)")
    }

    /// Maps behind a lock that are no `BoundedMap`, by the file's name: what bounds each.
    private static let boundThemselves: [String: String] = [
        "AccessKeys.swift": "its rows",
        "BodyBudget.swift": "the bodies that wait, which BodyRoom counts",
        "CallerSingleFlight.swift": "the loads that run",
        "MaintenanceJobs.swift": "a hundred runs",
        "ClientThrottle.swift": "the clients that are connected, or were a moment ago",
        "FillSlots.swift": "the fills that run or wait",
        "Fills.swift": "the fills that run or wait",
        "HotCache.swift": "the loads that run",
        "IssuerKeySets.swift": "the fetches that run, of which there may be so many",
        "Keyring.swift": "the versions of one key",
        "LastUses.swift": "the keys and roles that there are; written and forgotten every minute",
        "NameResolver.swift": "the lookups that run or wait, of which there may be so many",
        "OpenConnections.swift": "the connections, of which there may be so many",
        "OpenBlobs.swift": "the blobs that are read now",
        "BlobLocks.swift": "the locks that are held",
        "PrometheusRegistry.swift": "so many series of each family",
        "PullTimes.swift": "the images that are stored; written and forgotten every few seconds",
        "RequestMetrics.swift": "routes, methods and statuses",
        "SingleFlight.swift": "the work that runs",
        "Strangers.swift": "so many clients",
        "Uploads.swift": "so many uploads; more are put away or refused",
        "UpstreamTags.swift": "so many lists and bytes: the oldest goes",
        "WarmJobs.swift": "a hundred jobs",
    ]

    private static let map =
        #"^ {4,8}((private|fileprivate|package|static) )*(let|var) \w+( = Mutex<|: )\[[\w.]+: .*\[:\]"#

    @Test func whatIsRememberedIsBounded() throws {
        let found = try files.filter { $0.imports.contains { $0.module == "Synchronization" } }.lines(matching: Self.map)
        let strays = found.filter { Self.boundThemselves[$0.file.name] == nil }
        #expect(
            strays.isEmpty,
            """
            A map that lasts grows with what clients and upstreams make up. Use BoundedMap or HotCache; where something else bounds it, \
            give the file a line in LintTests.boundThemselves that says what.\(strays.listed)
            """)
        let used = Set(found.map(\.file.name))
        let idle = Self.boundThemselves.keys.filter { !used.contains($0) }.sorted()
        #expect(idle.isEmpty, "These files hold no such map any more: take their lines out of LintTests.boundThemselves. \(idle)")
    }

    /// A generic type that other rooms use, and are to have compiled for their own types.
    @Test func whatIsInlinableIsInATypeThatIs() throws {
        let inlining = try files.filter { try !$0.lines(matching: "@inlinable").isEmpty }
        let found = try inlining.lines(matching: #"^(package|final|struct|enum)[\w ]* (struct|class|enum) "#)
        #expect(
            found.isEmpty,
            "Write @usableFromInline before it: without that nothing of a `package` type is inlined in other rooms.\(found.listed)"
        )
    }

    @Test func nothingIsTriedByForce() throws {
        let found = try files.lines(matching: #"\btry!|\bas! "#)
        #expect(
            found.isEmpty,
            "A server must not end because one request was odd: throw, or make it impossible by type.\(found.listed)")
    }

    @Test func onlyTheProgramPrints() throws {
        let found = try files.filter { $0.room != "weir" }.lines(matching: #"(?<![.\w])(?<!func )(print|debugPrint|dump)\("#)
        #expect(found.isEmpty, "Say it through Logger: standard output belongs to the program's face.\(found.listed)")
    }

    @Test func nothingIsPublic() throws {
        let found = try files.lines(matching: #"^ *(public|open) +(?!import )\w+ +\w"#)
        #expect(found.isEmpty, "This is a program, not a library: `package` between rooms, nothing wider.\(found.listed)")
    }

    @Test func uncheckedPromisesSayWhatMakesThemTrue() throws {
        let found = try files.lines(matching: #"@unchecked Sendable|nonisolated\(unsafe\)|@preconcurrency import"#)
        let bare = found.filter { finding in
            // The comment may stand above the declaration's other lines and attributes: look up to a blank line.
            let above = finding.file.lines[..<(finding.line - 1)].reversed().prefix { !$0.allSatisfy(\.isWhitespace) }
            return !above.contains { $0.drop { $0 == " " }.hasPrefix("//") }
        }
        #expect(
            bare.isEmpty,
            "Write above it what makes it true (which queue, which lock, never mutated), or use a Mutex.\(bare.listed)")
    }

    @Test func sqlIsWrittenInTables() throws {
        let found = try files.lines(
            matching:
                #"\b(SELECT\b.*\bFROM|INSERT (OR \w+ )?INTO|DELETE FROM|UPDATE \w+ SET|CREATE (UNIQUE )?(TABLE|INDEX)|SELECT [$1\w])"#
        )
        let strays = found.filter { !$0.file.holdsSQL }
        #expect(
            strays.isEmpty,
            """
            SQL lives in the noun's …Table.swift, in …Queries.swift where it only reads, or in …Schema.swift: give it a function there and \
            call that.\(strays.listed)
            """)
    }

    /// What only one of the two takes, or takes otherwise. PostgreSQL itself is asked by `Tests/Clients/test_postgresql.py`.
    private static let dialects = [
        #"\b(BLOB|AUTOINCREMENT|PRAGMA|ROWID|rowid|GLOB|NOCASE|INSERT OR|REPLACE INTO|UPDATE OR|INDEXED BY)\b"#,
        #"\b(strftime|datetime|julianday|unixepoch|ifnull|IFNULL|iif|IIF|typeof|printf|group_concat|instr|json_\w+)\("#,
        #"\b(last_insert_rowid|randomblob|zeroblob)\("#,
        #"\b(ILIKE|SERIAL|BIGSERIAL|JSONB|TIMESTAMPTZ|FOR UPDATE|SKIP LOCKED|DISTINCT ON|SIMILAR TO|string_agg\(|ANY \()"#,
        #"[\w)']::\w+\b(?=.*")"#,
    ].joined(separator: "|")

    @Test func sqlStaysInTheSharedDialect() throws {
        let found = try files.filter { $0.room != "Storage" && $0.holdsSQL }.lines(matching: Self.dialects)
        #expect(
            found.isEmpty,
            "SQL is written once for SQLite and PostgreSQL: ON CONFLICT, RETURNING, COALESCE, BYTEA, JSON as text.\(found.listed)"
        )
    }

    /// Files that write to tables of others, and why.
    private static let mayWriteAnywhere = [
        "Registry/Clock/ClockTable.swift": "stamps of the future are pulled back wherever they stand"
    ]

    @Test func eachTableIsWrittenByItsOwner() throws {
        let statement = try NSRegularExpression(pattern: #"\b(?:INSERT INTO|UPDATE|DELETE FROM) (\w+|\\\()"#)
        var owners: [String: Set<String>] = [:]
        var owning: Set<String> = []
        for file in files where file.holdsSQL && !file.name.hasSuffix("Schema.swift") && file.room != "Storage" {
            let text = file.code.joined(separator: "\n")
            for match in statement.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
                guard let range = Range(match.range(at: 1), in: text), text[range] != "SET" else { continue }
                owning.insert(file.path)
                if Self.mayWriteAnywhere[file.path] == nil { owners[String(text[range]), default: []].insert(file.path) }
            }
        }
        let shared = owners.filter { $0.value.count > 1 || $0.key.hasPrefix("\\") }.map { "\($0.key): \($0.value.sorted())" }
            .sorted()
        #expect(shared.isEmpty, "A table is written in one file, its owner's: move the statement there. \(shared)")
        let misnamed = files.filter { file in
            file.name.hasSuffix("Queries.swift") ? owning.contains(file.path) : file.isTable && !owning.contains(file.path)
        }
        #expect(
            misnamed.isEmpty,
            "…Table.swift owns a table and writes it; …Queries.swift reads the tables of others: \(misnamed)")
        #expect(owners.count > 25, "The tables were not found; this test would pass for the wrong reason.")
    }

    @Test func numbersInTheLogAreNumbers() throws {
        let found = try files.lines(
            matching: #""([a-z_.]*[._])?(bytes|seconds|status|count|files|blobs|connections|faults|parts|failures)": "\\\("#)
        #expect(
            found.isEmpty,
            "Whoever reads the log with a program wants to reckon with it: `.stringConvertible(number)`.\(found.listed)")
    }

    @Test func nothingIsLeftForLater() throws {
        let found = try files.lines(matching: #"\b(TODO|FIXME|XXX|HACK)\b|\bfatalError\("#, withComments: true)
        #expect(found.isEmpty, "Do it now, or write an issue and a comment that says what is so today.\(found.listed)")
    }

    @Test("The rules find what they look for")
    func theRulesThemselves() throws {
        let text = [
            "let a = \"https://x\" // Task {", "Task { }", "Task.detached {", "group.addTask {", "Task.sleep(",
            "package import struct NIOCore.ByteBuffer",
            "@preconcurrency import GRDB", "    import Foundation", "// import Nothing", "    let a = Mutex<[Key: Value]>([:])",
            "        var b: [String: Int] = [:]", "    let c = Mutex(BoundedMap<Key, Value>(capacity: 1))",
        ]
        let file = SourceFile(room: "Core", path: "Core/X.swift", lines: text)
        #expect(file.code[0] == "let a = \"https://x\" ")
        #expect(try file.lines(matching: Self.task).map(\.line) == [2, 3])
        #expect(try file.lines(matching: Self.map).map(\.line) == [10, 11])
        #expect(file.imports.map(\.module) == ["NIOCore", "GRDB", "Foundation"])
        let sql = [
            "secret BLOB NOT NULL", "\"SELECT rowid FROM blob\"", "SELECT strftime('%s')", "\"SELECT x::text\"", "FOR UPDATE",
            "INSERT INTO blob (scope) VALUES ($1)", "SELECT CAST($1 AS BIGINT)", "static func total(",
        ]
        let schema = SourceFile(room: "Vault", path: "Vault/XSchema.swift", lines: sql)
        #expect(try schema.lines(matching: Self.dialects).map(\.line) == [1, 2, 3, 4, 5])
    }
}
