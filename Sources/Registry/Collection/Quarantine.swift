// A blob that is taken out of its place by mistake must come back. So what upstream cannot give is not unlinked at once:
//
//     place ──▶ quarantine    one transaction: still to go? row out, `lost_blob` in  │  rename          (under the place's lock)
//     quarantine ──▶ gone     its wait is over, by its row's `since`: unlink          │  row out
//     quarantine ──▶ place    read whole, digest right: rename  │  one transaction: row, memberships, `lost_blob` out
//
// On the way in the row comes before the file, and on the way out it goes after the file. So a crash between the two leaves a row
// whose file is not in quarantine, and perhaps the file in its place without a row. The next collection ends what was begun. A
// file in quarantine without a row, as an older database leaves it, is taken in, and its wait begins at that moment.

import Logging
import Metrics
import NIOCore
package import WeirCore
import WeirText
import WeirVault

/// Blobs that were taken out of their places, and can be brought back during the grace period.
package final class Quarantine: Sendable {
    /// Places locked at once.
    static let batch = 32

    let database: any SQLDatabase
    let blobs: Blobs
    /// How long a blob waits before it is deleted.
    let grace: Duration
    let clock: WallClock
    let logger: Logger
    private let disk = SerialQueue("weir.quarantine")
    /// For looking only, so that it need not wait for moves and deletions.
    private let eyes = SerialQueue("weir.quarantine.look")

    init(blobs: Blobs, grace: Duration, clock: WallClock, logger: Logger) {
        database = blobs.database
        self.blobs = blobs
        self.grace = grace
        self.clock = clock
        self.logger = logger
    }

    /// When a blob is deleted for good, unless it is brought back.
    package func end(of lost: LostBlob) -> Timestamp { lost.since + grace }

    /// The blobs in quarantine, the oldest first, and their total.
    package func list(after cursor: String?, limit: Int) async throws -> (page: Page<LostBlob>, total: CollectionReport.Count) {
        try await takeInStrays()
        let after = cursor.flatMap(Self.position)
        let (found, total) = try await database.read { sql in
            (try LostTable.list(after: after, limit: limit + 1, sql), try LostTable.total(sql))
        }
        return (Page(found, limit: limit) { "\($0.since.microseconds) \($0.blob.number)" }, total)
    }

    private static func position(_ cursor: String) -> (since: Timestamp, number: String)? {
        let parts = cursor.split(separator: " ")
        guard parts.count == 2, let since = Int64(parts[0]) else { return nil }
        return (Timestamp(microseconds: since), String(parts[1]))
    }

    // MARK: - Out

    /// Which blobs are to be deleted for good.
    struct Due: Sendable {
        /// Unreferenced blobs that have waited since then.
        let unreferencedSince: Timestamp
        /// Orphans and damaged blobs that have waited since then.
        let othersSince: Timestamp
    }

    /// The blobs whose wait is over.
    ///
    /// - Parameter unreferenced: an operator's own grace for unreferenced blobs. Orphans and damaged blobs wait for the settings'
    ///   grace.
    func due(unreferenced: Duration? = nil) -> Due {
        let now = clock.due
        return Due(
            unreferencedSince: now + (.zero - (unreferenced ?? grace)), othersSince: now + (.zero - grace))
    }

    /// The number of blobs that are due, and their bytes.
    func total(of due: Due) async throws -> CollectionReport.Count {
        try await database.read {
            try LostTable.total(unreferencedSince: due.unreferencedSince, othersSince: due.othersSince, $0)
        }
    }

    /// Deletes due blobs for good, the oldest first, until `limit` bytes are gone, where there is a limit.
    func empty(_ due: Due, atMost limit: Int64? = nil) async throws -> (gone: CollectionReport.Count, failures: Int64) {
        var gone = CollectionReport.Count()
        var failures: Int64 = 0
        var last: (since: Timestamp, number: String)?
        repeat {
            try Task.checkCancellation()
            let after = last
            let page = try await database.read {
                try LostTable.due(
                    unreferencedSince: due.unreferencedSince, othersSince: due.othersSince, after: after, limit: Self.batch, $0)
            }
            last = page.last.map { ($0.since, $0.blob.number) }
            guard !page.isEmpty else { break }
            failures += try await delete(page, &gone)
        } while last != nil && gone.bytes < limit ?? .max
        return (gone, failures)
    }

    /// Deletes the blobs that an operator names, at once and for good.
    package func discard(
        _ selection: LostSelection, progress: @Sendable (JobProgress) -> Void = { _ in }
    ) async throws -> LostReport {
        var report = LostReport()
        try await forEach(of: selection, &report) { lost, report in
            if try await delete([lost], &report.done) > 0 {
                report.fail(lost.digest, "The file could not be deleted: the server's log says why")
            }
            progress(JobProgress(.quarantine, done: report.done.items, bytes: report.done.bytes))
        }
        try await tell()
        return report
    }

    /// The file goes first: unlinking it makes room for the row's deletion, too.
    private func delete(_ lost: [LostBlob], _ gone: inout CollectionReport.Count) async throws -> Int64 {
        let (deleted, failures) = try await blobs.locks.withLocks(lost.map(\.blob.location)) {
            var deleted: [LostBlob] = []
            var failures: Int64 = 0
            for one in lost {
                do {
                    try await onDisk { [store = blobs.store] in try store.delete(one.blob) }
                    deleted.append(one)
                } catch {
                    failures += 1
                    logger.warning(
                        "A file in quarantine could not be deleted",
                        metadata: ["blob.place": "\(one.blob)", "error": "\(error)"])
                }
            }
            let blobs = deleted.map(\.blob)
            let limit = clock.due + (.zero - grace)
            do {
                try await database.write { sql in
                    for blob in blobs { _ = try LostTable.remove(blob, sql) }
                    try LostTable.prune(until: limit, sql)
                }
            } catch let error as SQLError where error.isFull {
                // The next run finds rows without a file, and removes them.
            }
            return (deleted, failures)
        }
        for one in deleted { gone.add(one.size) }
        return failures
    }

    /// Calls `body` for every blob that is meant, one at a time. Reports digests that are not in quarantine.
    func forEach(
        of selection: LostSelection, _ report: inout LostReport, _ body: (LostBlob, inout LostReport) async throws -> Void
    ) async throws {
        try await takeInStrays()
        switch selection {
        case .digests(let digests):
            for digest in digests {
                let found = try await database.read { try LostTable.of(digest, $0) }
                if found.isEmpty { report.fail(digest, "Nothing with this digest is in quarantine: `weir lost` lists what is") }
                for lost in found { try await body(lost, &report) }
            }
        case .all:
            var last: (since: Timestamp, number: String)?
            repeat {
                try Task.checkCancellation()
                let after = last
                let page = try await database.read { try LostTable.list(after: after, limit: 100, $0) }
                last = page.last.map { ($0.since, $0.blob.number) }
                for lost in page { try await body(lost, &report) }
            } while last != nil
        }
    }

    /// Sets the gauges.
    func tell() async throws {
        let total = try await database.read { try LostTable.total($0) }
        Gauge(label: "weir_quarantine_blobs").record(total.items)
        Gauge(label: "weir_quarantine_bytes").record(total.bytes)
    }

    static func newNumber() -> String {
        var random = SystemRandomNumberGenerator()
        return Hex.encode((0..<8).map { _ in UInt8.random(in: 0...255, using: &random) })
    }

    /// Runs blocking work that moves or deletes files, one piece after the other.
    func onDisk<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await disk.run(work)
    }

    /// Runs blocking work that changes nothing.
    func lookingAtDisk<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await eyes.run(work)
    }
}
