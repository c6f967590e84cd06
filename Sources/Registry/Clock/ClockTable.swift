import WeirCore

/// What the clocks showed, in `registry_fact`; and, in all tables, the stamps that a clock running ahead has left.
enum ClockTable {
    private static let name = "clock"

    static func record(_ sql: any SQLConnection) throws -> ClockGuard.Record? {
        guard let text = try FactTable.value(name, sql) else { return nil }
        let parts = text.split(separator: " ")
        guard parts.count == 4, let trusted = Int64(parts[0]), let uptime = Int64(parts[1]) else { return nil }
        return ClockGuard.Record(
            trusted: Timestamp(microseconds: trusted), uptime: .microseconds(uptime), boot: String(parts[2]),
            wasAhead: parts[3] == "ahead")
    }

    static func put(_ record: ClockGuard.Record, _ sql: any SQLConnection) throws {
        let boot = record.boot.filter { $0 != " " }
        let words = [
            "\(record.trusted.microseconds)", "\(record.uptime.microseconds)", boot.isEmpty ? "-" : boot,
            record.wasAhead ? "ahead" : "steady",
        ]
        try FactTable.set(name, words.joined(separator: " "), sql)
    }

    /// Stamps that do harm while they lie in the future: an image would outlive newer ones, a tag count as fresh, and a copy to
    /// another registry wait.
    private static let stamps = [
        ("image", "pushed_at"), ("tag", "checked_at"), ("repository_blob", "promised_at"), ("upload", "touched_at"),
        ("upstream_referrers", "checked_at"), ("image_replication", "due_at"), ("repository", "lifecycle_evaluated_at"),
    ]

    /// Stamps that lie more than `slack` in the future become `now`.
    static func pullBack(to now: Timestamp, slack: Duration, _ sql: any SQLConnection) throws {
        for (table, column) in stamps {
            try sql.execute(
                "UPDATE \(table) SET \(column) = $1 WHERE \(column) > $2", [.timestamp(now), .timestamp(now + slack)])
        }
    }
}
