// What lies in the store and nobody needs any more, found and removed while everything goes on (docs/collection.md).
//
//     image ──names──▶ blob of a repository          a membership is needed while an image of its repository names the blob,
//                        │  repository_blob          or somebody was promised it within the grace period
//                        ▼
//                      blob row ──▶ file             needed while a membership under the same key is there
//
//     1  memberships    no image, no promise      ──▶ row gone                                   one transaction decides and deletes
//     2  blobs          no membership             ──▶ lock the place │ row gone │ file gone │ unlock
//     3  orphans        a file without a row      ──▶ lock the place │ still no row? │ file gone │ unlock
//     4  eviction       over the size cap, cached ──▶ the same; memberships and images stay
//
// A commit does the reverse under the same lock: file, then row and membership. So a row always has its file, whoever is
// killed where; a file may have no row, and step 3 finds it. Whether something is needed is asked again in the transaction that
// takes it away: a manifest that is put meanwhile is either before it, and keeps its blobs, or after it, and is told that a layer
// is missing. Since every client that was told "it is here" was promised so for the grace period, that happens to none that puts
// its manifest in time.
// Readers have the file open and read on.

import Logging
import Metrics
import NIOCore
import Synchronization
import WeirCore

/// Collects garbage and evicts cached content over the size cap.
package final class Collector: Sendable {
    package struct Settings: Sendable {
        /// As long as an upload may lie untouched: whoever was told of a blob may still be sending the others.
        package static let grace = Duration.seconds(24 * 3600)

        /// Time between two runs; nil for runs by command alone.
        package var interval: Duration?
        /// How long a blob that no manifest names is kept for a client that was told it is here.
        package var grace: Duration
        /// Bytes of cached content to keep; nil for as much as there is room for.
        package var cacheSize: Int64?

        package init(
            interval: Duration? = .seconds(3600), grace: Duration = Settings.grace, cacheSize: Int64? = nil
        ) {
            self.interval = interval
            self.grace = grace
            self.cacheSize = cacheSize
        }
    }

    /// Rows read at once, and deleted in one transaction: few enough that no pull or push notices.
    static let page = 500
    /// Places locked at once.
    static let batch = 32

    package let settings: Settings
    let database: any SQLDatabase
    let blobs: Blobs
    let rules: CacheRules
    let permit: DestructionPermit
    let clock: WallClock
    let logger: Logger
    private let disk = Lane("weir.collect")

    init(
        database: any SQLDatabase, blobs: Blobs, rules: CacheRules, settings: Settings, permit: DestructionPermit,
        clock: WallClock, logger: Logger
    ) {
        self.settings = settings
        self.permit = permit
        self.database = database
        self.blobs = blobs
        self.rules = rules
        self.clock = clock
        self.logger = logger
    }

    /// What was promised until this moment binds nobody any more. An eighth more than the grace period: promises are not renewed
    /// more often.
    func promisesEnd(grace: Duration? = nil) -> Timestamp {
        let grace = grace ?? settings.grace
        return clock.now + (.zero - grace - grace / 8)
    }

    /// One whole run. A dry one tells what a real one would do at this moment, and changes nothing.
    ///
    /// - Parameter grace: instead of the settings'; a shorter one breaks promises to pushes that are under way.
    /// - Throws: the refusal of the `DestructionPermit`, before anything is looked at.
    package func collect(
        dryRun: Bool = false, grace: Duration? = nil, progress: @Sendable (ChoreProgress) -> Void = { _ in }
    ) async throws -> CollectionReport {
        if !dryRun { try permit.check() }
        var report = CollectionReport(isDryRun: dryRun, at: clock.now)
        let limit = promisesEnd(grace: grace)
        try await collectMemberships(until: limit, into: &report, progress)
        var survey = Survey(growth: blobs.growth.total)
        try await collectBlobs(until: limit, into: &report, &survey, progress)
        try await collectOrphans(into: &report, progress)
        try await evict(survey, into: &report, progress)
        if !dryRun { blobs.growth.count(upTo: survey.growth) }
        report.endedAt = clock.now
        progress(ChoreProgress(.done))
        tell(report)
        return report
    }

    /// Runs blocking work on the collector's own thread.
    func onDisk<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
            disk.run { continuation.resume(with: Result { try work() }) }
        }
    }

    private func tell(_ report: CollectionReport) {
        guard !report.isDryRun else { return }
        Gauge(label: "weir_stored_blobs").record(report.stored.items)
        Gauge(label: "weir_stored_bytes").record(report.stored.bytes)
        Gauge(label: "weir_cached_bytes").record(report.cached.bytes)
        for (kind, count) in [("unreferenced", report.blobs), ("orphan", report.orphans), ("evicted", report.evicted)] {
            Counter(label: "weir_collected_blobs_total", dimensions: [("kind", kind)]).increment(by: count.items)
            Counter(label: "weir_collected_bytes_total", dimensions: [("kind", kind)]).increment(by: count.bytes)
        }
        let level: Logger.Level = report.failures > 0 ? .warning : report.freedBytes > 0 ? .info : .debug
        logger.log(
            level: level, "Collected",
            metadata: [
                "gc.memberships": "\(report.memberships)", "gc.blobs": "\(report.blobs.items)",
                "gc.orphans": "\(report.orphans.items)", "gc.evicted": "\(report.evicted.items)",
                "gc.freed.bytes": "\(report.freedBytes)", "gc.failures": "\(report.failures)",
                "store.bytes": "\(report.stored.bytes)", "cache.bytes": "\(report.cached.bytes)",
            ])
    }
}
