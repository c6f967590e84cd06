package import WeirCore

/// The tests that every `SQLDatabase` must pass. `make` returns a new and empty one each time.
package func checkSQLDatabase(_ make: () async throws -> any SQLDatabase) async throws {
    let questions: [(String, (any SQLDatabase) async throws -> Void)] = [
        ("values come back as they went in", valuesComeBack),
        ("parameters are positions and may be used twice", parametersAreReused),
        ("a text with NUL is refused", nulIsRefused),
        ("execute tells how many rows it changed", changedRowsAreTold),
        ("ON CONFLICT and RETURNING work", conflictAndReturning),
        ("a thrown error rolls back and passes unchanged", errorsRollBack),
        ("a broken UNIQUE or PRIMARY KEY is told from other errors", uniqueIsTold),
        ("a transaction goes on where ON CONFLICT found the row there", transactionGoesOn),
        ("text is compared and ordered by its bytes", textIsOrderedByBytes),
        ("foreign keys are enforced", foreignKeysAreEnforced),
        ("a read cannot write", readsCannotWrite),
        ("parallel writes lose nothing", parallelWrites),
        ("a read sees one snapshot", readsAreSnapshots),
        ("cancelling the waiting task does not undo a write", cancellationDoesNotUndo),
        ("a migration is applied once", migrationsApplyOnce),
        ("a migration that fails leaves nothing", failedMigrationsLeaveNothing),
    ]
    for (name, ask) in questions {
        try await check(name) {
            let database = try await make()
            try await database.migrate([
                Migration(
                    "exam-1",
                    [
                        "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, data BYTEA, size BIGINT)",
                        "CREATE TABLE part (thing BIGINT NOT NULL REFERENCES thing (id) ON DELETE CASCADE, name TEXT)",
                    ])
            ])
            try await ask(database)
        }
    }
}

private let insert = "INSERT INTO thing (id, name) VALUES ($1, $2)"

private func add(_ id: Int, _ name: String, _ sql: any SQLConnection) throws {
    try sql.execute(insert, [.integer(id), .text(name)])
}

private func names(_ database: any SQLDatabase) async throws -> [String] {
    try await database.read { try $0.rows("SELECT name FROM thing ORDER BY id", []).map { try $0.text(0) } }
}

private func valuesComeBack(_ database: any SQLDatabase) async throws {
    let big = [UInt8](repeating: 0xa5, count: 1 << 20)
    let rows: [(text: String, data: SQLValue, size: SQLValue)] = [
        ("", .bytes([]), .integer(Int64.min)), ("ä ''; -- \u{1F433}", .bytes([0, 255, 0]), .integer(Int64.max)),
        ("null", .null, .null), ("big", .bytes(big), .integer(Int64(0))),
    ]
    try await database.write { sql in
        for (id, row) in rows.enumerated() {
            try sql.execute(
                "INSERT INTO thing (id, name, data, size) VALUES ($1, $2, $3, $4)",
                [.integer(id), .text(row.text), row.data, row.size])
        }
    }
    let back = try await database.read { try $0.rows("SELECT name, data, size FROM thing ORDER BY id", []) }
    try expect(back.count, is: rows.count)
    for (row, wanted) in zip(back, rows) {
        try expect(try row.text(0), is: wanted.text)
        try expect(try row.optionalBytes(1).map(SQLValue.bytes) ?? .null, is: wanted.data)
        try expect(try row.optionalInteger(2).map { SQLValue.integer($0) } ?? .null, is: wanted.size)
    }
    let none = try await database.read { try $0.rows("SELECT name FROM thing WHERE id = $1", [.integer(99)]) }
    try expect(none.isEmpty, "no row comes from nowhere")
}

private func parametersAreReused(_ database: any SQLDatabase) async throws {
    try await database.write { sql in
        for (id, name) in ["a", "b", "c"].enumerated() { try add(id, name, sql) }
    }
    let found = try await database.read {
        try $0.rows(
            "SELECT name FROM thing WHERE (id > $1 OR $1 < 0) AND name <> $2 ORDER BY id LIMIT $3",
            [.integer(0), .text("b"), .integer(5)]
        ).map { try $0.text(0) }
    }
    try expect(found, is: ["c"])
}

private func nulIsRefused(_ database: any SQLDatabase) async throws {
    _ = try await caught(SQLError.self) { try await database.write { try add(1, "a\0b", $0) } }
    try expect(try await names(database), is: [])
}

private func changedRowsAreTold(_ database: any SQLDatabase) async throws {
    try await database.write { sql in
        try expect(try sql.execute(insert, [.integer(1), .text("a")]), is: 1)
        try expect(try sql.execute(insert, [.integer(2), .text("b")]), is: 1)
        try expect(try sql.execute("CREATE TABLE other (id INTEGER)", []), is: 0)
        try expect(try sql.execute("UPDATE thing SET size = $1", [.integer(3)]), is: 2)
        try expect(try sql.execute("UPDATE thing SET size = $1 WHERE id = $2", [.integer(3), .integer(9)]), is: 0)
        try sql.execute("INSERT INTO part (thing, name) VALUES ($1, $2)", [.integer(1), .text("x")])
        try expect(try sql.execute("DELETE FROM thing WHERE id = $1", [.integer(1)]), is: 1)
        try expect(try sql.rows("SELECT name FROM part", []).count, is: 0)
    }
}

private func conflictAndReturning(_ database: any SQLDatabase) async throws {
    try await database.write { sql in
        let made = try sql.rows(insert + " RETURNING id, name", [.integer(7), .text("a")])
        try expect(made.count, is: 1)
        try expect(try made[0].integer(0), is: 7)
        try expect(try sql.execute(insert + " ON CONFLICT (name) DO NOTHING", [.integer(8), .text("a")]), is: 0)
        let moved = try sql.rows(
            "INSERT INTO thing (id, name, size) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET size = excluded.size "
                + "RETURNING id, size", [.integer(9), .text("a"), .integer(5)])
        try expect(try moved.map { [try $0.integer(0), try $0.integer(1)] }, is: [[7, 5]])
    }
    try expect(try await names(database), is: ["a"])
}

private func errorsRollBack(_ database: any SQLDatabase) async throws {
    let refusal = try await caught(Refusal.self) {
        try await database.write { sql in
            try add(1, "a", sql)
            throw Refusal(.repositoryNotFound, "not here", facts: ["a": "b"])
        }
    }
    try expect(refusal.reason == .repositoryNotFound && refusal.facts == ["a": "b"], "the refusal is the one thrown")
    _ = try await caught(Refusal.self) {
        try await database.read { _ in throw Refusal(.unsupported, "nor to be read") }
    }
    try expect(try await names(database), is: [])
    try await database.write { try add(1, "b", $0) }
    try expect(try await names(database), is: ["b"])
}

private func uniqueIsTold(_ database: any SQLDatabase) async throws {
    try await database.write { try add(1, "a", $0) }
    let name = try await caught(SQLError.self) { try await database.write { try add(2, "a", $0) } }
    try expect(name.isUnique && !name.isFull, "a taken name is a broken UNIQUE")
    let id = try await caught(SQLError.self) { try await database.write { try add(1, "b", $0) } }
    try expect(id.isUnique, "a taken id is a broken PRIMARY KEY")
    let null = try await caught(SQLError.self) {
        try await database.write { try $0.execute(insert, [.integer(3), .null]) }
    }
    try expect(!null.isUnique, "NOT NULL is not UNIQUE")
    let wrong = try await caught(SQLError.self) { try await database.read { try $0.rows("SELECT nothing", []) } }
    try expect(!wrong.isUnique && !wrong.isFull, "bad SQL is neither")
}

private func transactionGoesOn(_ database: any SQLDatabase) async throws {
    try await database.write { sql in
        try add(1, "a", sql)
        // ON CONFLICT and its count: after a caught `SQLError` PostgreSQL refuses the rest of the transaction, and no service goes on.
        try expect(try sql.execute(insert + " ON CONFLICT DO NOTHING", [.integer(1), .text("b")]), is: 0)
        try add(2, "c", sql)
    }
    try expect(try await names(database), is: ["a", "c"])
}

/// The pages of every list begin after the last name of the one before, and one name's `scope` tells how it is sealed.
private func textIsOrderedByBytes(_ database: any SQLDatabase) async throws {
    let sorted = ["", "-", "A", "Z", "a", "a-b", "a.b", "a/b", "aB", "a_b", "ab", "z", "ä", "\u{FFFD}", "\u{1F433}"]
    try await database.write { sql in
        for (id, name) in sorted.enumerated().reversed() { try add(id, name, sql) }
    }
    let found = try await database.read { sql in
        try sql.rows("SELECT name FROM thing ORDER BY name", []).map { try $0.text(0) }
    }
    try expect(found, is: sorted)
    for (id, name) in sorted.enumerated() {
        let after = try await database.read { sql in
            try sql.rows("SELECT COUNT(*), MIN(id) FROM thing WHERE name > $1", [.text(name)])
        }
        try expect(try after[0].integer(0), is: Int64(sorted.count - 1 - id))
        try expect(try after[0].optionalInteger(1), is: id == sorted.count - 1 ? nil : Int64(id + 1))
    }
}

private func foreignKeysAreEnforced(_ database: any SQLDatabase) async throws {
    let error = try await caught(SQLError.self) {
        try await database.write {
            try $0.execute("INSERT INTO part (thing, name) VALUES ($1, $2)", [.integer(1), .text("x")])
        }
    }
    try expect(!error.isUnique, "a missing parent is not UNIQUE")
}

private func readsCannotWrite(_ database: any SQLDatabase) async throws {
    _ = try await caught(SQLError.self) { try await database.read { try add(1, "a", $0) } }
    try expect(try await names(database), is: [])
}

private func parallelWrites(_ database: any SQLDatabase) async throws {
    try await database.write { _ = try $0.execute("INSERT INTO thing (id, name, size) VALUES (1, 'a', 0)", []) }
    try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<50 {
            group.addTask {
                try await database.write { sql in
                    let size = try sql.rows("SELECT size FROM thing WHERE id = 1", [])[0].integer(0)
                    try sql.execute("UPDATE thing SET size = $1 WHERE id = 1", [.integer(size + 1)])
                }
            }
        }
        try await group.waitForAll()
    }
    let size = try await database.read { try $0.rows("SELECT size FROM thing", [])[0].integer(0) }
    try expect(size, is: 50)
}

private func readsAreSnapshots(_ database: any SQLDatabase) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for id in 0..<20 {
            // Two rows at a time, so no reader ever sees an odd number.
            group.addTask {
                try await database.write { sql in
                    try add(2 * id, "even \(id)", sql)
                    try add(2 * id + 1, "odd \(id)", sql)
                }
            }
            group.addTask {
                try await database.read { sql in
                    let count = { try sql.rows("SELECT count(*) FROM thing", [])[0].integer(0) }
                    let first = try count()
                    try expect(first.isMultiple(of: 2), "\(first) is even")
                    try expect(try count(), is: first)
                }
            }
        }
        try await group.waitForAll()
    }
}

private func cancellationDoesNotUndo(_ database: any SQLDatabase) async throws {
    let isCancelled = Flag()
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            try await database.write { sql in
                while !isCancelled.isUp {}
                try add(1, "while it ran", sql)
            }
        }
        group.cancelAll()
        isCancelled.raise()
        // A child of a cancelled group starts cancelled.
        group.addTask { try await database.write { try add(2, "before it ran", $0) } }
        try await group.waitForAll()
    }
    try expect(try await names(database), is: ["while it ran", "before it ran"])
}

private func migrationsApplyOnce(_ database: any SQLDatabase) async throws {
    let first = Migration("exam-2", ["INSERT INTO thing (id, name) VALUES (1, 'a')"])
    let second = Migration("exam-3", ["UPDATE thing SET name = 'b' WHERE name = 'a'"])
    try await database.migrate([first])
    try await database.migrate([first, second])
    try await database.migrate([first, second])
    try expect(try await names(database), is: ["b"])
}

private func failedMigrationsLeaveNothing(_ database: any SQLDatabase) async throws {
    let good = Migration("exam-2", ["INSERT INTO thing (id, name) VALUES (1, 'a')"])
    let bad = Migration("exam-3", ["CREATE TABLE half (id INTEGER)", "INSERT INTO nowhere (id) VALUES (1)"])
    _ = try await caught(SQLError.self) { try await database.migrate([good, bad]) }
    try expect(try await names(database), is: ["a"])
    // Applied again from its beginning: the failed attempt's table is not in its way.
    let mended = Migration("exam-3", ["CREATE TABLE half (id INTEGER)", "INSERT INTO half (id) VALUES (1)"])
    try await database.migrate([good, mended])
    try expect(try await database.read { try $0.rows("SELECT id FROM half", []).count }, is: 1)
}
