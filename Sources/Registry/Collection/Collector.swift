// Finds and removes stored content that is no longer needed, while everything else goes on (docs/collection.md).
//
//     image ──names──▶ blob of a repository          a membership is needed while an image of its repository names the blob,
//                        │  repository_blob          or a client was promised it within the grace period
//                        ▼
//                      blob row ──▶ file             needed while a membership under the same key is there
//
//     1  quarantine     its wait is over          ──▶ file gone, row gone, for good
//     2  memberships    no image, no promise      ──▶ row gone                                   one transaction decides and deletes
//     3  blobs          no membership             ──▶ lock the place │ row gone │ file into quarantine │ unlock
//     4  orphans        a file without a row      ──▶ lock the place │ still no row? │ file into quarantine │ unlock
//     5  eviction       over the size cap, cached ──▶ lock the place │ row gone │ file gone │ unlock; memberships and images stay
//
// Only cached content, which upstream gives again, and content that has waited in quarantine are unlinked (Quarantine.swift).
// Files without a row are unusual: where there are many, the database does not belong to the files, and the run leaves them all.
//
// A commit does the reverse under the same lock: file, then row and membership. So a row always has its file, wherever a process
// is killed; a file may have no row, and step 4 finds it. The transaction that removes something asks again whether it is needed.
// A manifest that is put meanwhile comes before that transaction, and keeps its blobs, or after it, and is refused since a layer
// is missing. A client that was told "it is here" was promised so for the grace period, so no client is refused that puts its
// manifest in time. Readers have the file open and read on.

import Logging
import Metrics
import NIOCore
import Synchronization
import WeirCore

/// Collects garbage and evicts cached content over the size cap.
package final class Collector: Sendable {
    package struct Settings: Sendable {
        /// As long as an upload may stay untouched: a client that was told of one blob may still be sending the others.
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

    /// Rows read at once, and deleted in one transaction: too few to delay a pull or a push.
    static let page = 500
    /// Places locked at once.
    static let batch = Quarantine.batch
    /// Bytes of the quarantine that are deleted where not even a row finds room.
    private static let emergency: Int64 = 256 << 20

    package let settings: Settings
    let database: any SQLDatabase
    let blobs: Blobs
    let rules: CacheRules
    let permit: DestructionPermit
    let quarantine: Quarantine
    let clock: WallClock
    let logger: Logger
    private let disk = SerialQueue("weir.collect")
    private let madeRoom = Mutex<ContinuousClock.Instant?>(nil)

    init(
        database: any SQLDatabase, blobs: Blobs, rules: CacheRules, settings: Settings, permit: DestructionPermit,
        quarantine: Quarantine, clock: WallClock, logger: Logger
    ) {
        self.settings = settings
        self.permit = permit
        self.quarantine = quarantine
        self.database = database
        self.blobs = blobs
        self.rules = rules
        self.clock = clock
        self.logger = logger
    }

    /// Promises made before this moment have ended. They count for an eighth more than the grace period, since they are not
    /// renewed more often than that.
    func promisesEnd(grace: Duration? = nil) -> Timestamp {
        let grace = grace ?? settings.grace
        return clock.due + (.zero - grace - grace / 8)
    }

    /// The options of a run.
    package struct Orders: Sendable, Equatable {
        /// Reports what a real run would do at this moment, and changes nothing.
        package var isDryRun: Bool
        /// Replaces the settings' grace. A shorter one breaks promises to pushes that are under way, and deletes unreferenced
        /// blobs sooner from the quarantine.
        package var grace: Duration?
        /// Takes files without a row however many there are.
        package var force: Bool

        package init(isDryRun: Bool = false, grace: Duration? = nil, force: Bool = false) {
            self.isDryRun = isDryRun
            self.grace = grace
            self.force = force
        }
    }

    /// Makes one whole run. Throws the refusal of the `DestructionPermit` before anything is looked at.
    package func collect(
        _ orders: Orders = Orders(), progress: @Sendable (JobProgress) -> Void = { _ in }
    ) async throws -> CollectionReport {
        if !orders.isDryRun { try await permitted() }
        var report = CollectionReport(isDryRun: orders.isDryRun, at: clock.now)
        if !orders.isDryRun { try await quarantine.takeInStrays() }
        try await empty(orders, into: &report, progress)
        do {
            try await run(orders, into: &report, progress)
        } catch let error as SQLError where error.isFull && !orders.isDryRun {
            // There is no room for a row. Deletes the ballast, and what waits in quarantine, the oldest first.
            blobs.room.makeRoomForRows()
            let gone = try await quarantine.empty(quarantine.due(unreferenced: .zero), atMost: Self.emergency)
            report = CollectionReport(isDryRun: false, at: report.startedAt)
            report.emptied = gone.gone
            try await run(orders, into: &report, progress)
        }
        if orders.grace != nil { try await empty(orders, into: &report, progress) }
        report.endedAt = clock.now
        progress(JobProgress(.done))
        tell(report)
        return report
    }

    /// Checks the permit. Where not even its row finds room, what waits in quarantine is deleted, the oldest first.
    private func permitted() async throws {
        do { try await permit.check() } catch let refusal where refusal.reason == .storageFull {
            let gone = try await quarantine.empty(quarantine.due(unreferenced: .zero), atMost: Self.emergency)
            guard gone.gone.items > 0 else { throw refusal }
            try await permit.check()
        }
    }

    private func run(
        _ orders: Orders, into report: inout CollectionReport, _ progress: @Sendable (JobProgress) -> Void
    ) async throws {
        let limit = promisesEnd(grace: orders.grace)
        try await collectMemberships(until: limit, into: &report, progress)
        var survey = Survey(growth: blobs.growth.total)
        try await collectBlobs(until: limit, into: &report, &survey, progress)
        try await collectOrphans(orders, into: &report, progress)
        try await evict(survey, into: &report, progress)
        if !orders.isDryRun { blobs.growth.count(upTo: survey.growth) }
    }

    /// A full volume is collected at once, and after that at most once a minute: there may be nothing to remove.
    func isTimeForRoom() -> Bool {
        madeRoom.withLock { last in
            if let last, ContinuousClock.now - last < .seconds(60) { return false }
            last = .now
            return true
        }
    }

    /// Runs blocking work on the collector's own thread.
    func onDisk<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await disk.run(work)
    }

    /// Sets the gauges of faults and of the quarantine.
    func tellState() async throws {
        try await quarantine.tell()
        try await blobs.tellFaults()
    }

    private func tell(_ report: CollectionReport) {
        guard !report.isDryRun else { return }
        Gauge(label: "weir_collection_stopped").record(report.stopped == nil ? 0 : 1)
        if let reason = report.stopped {
            logger.warning("Collection left files that no row knows", metadata: ["reason": "\(reason)"])
        }
        Gauge(label: "weir_stored_blobs").record(report.stored.items)
        Gauge(label: "weir_stored_bytes").record(report.stored.bytes)
        Gauge(label: "weir_cached_bytes").record(report.cached.bytes)
        for (kind, count) in [
            ("unreferenced", report.blobs), ("orphan", report.orphans), ("evicted", report.evicted),
            ("emptied", report.emptied),
        ] {
            Counter(label: "weir_collected_blobs_total", dimensions: [("kind", kind)]).increment(by: count.items)
            Counter(label: "weir_collected_bytes_total", dimensions: [("kind", kind)]).increment(by: count.bytes)
        }
        let level: Logger.Level = report.failures > 0 ? .warning : report.hasDoneAnything ? .info : .debug
        logger.log(
            level: level, "Collected",
            metadata: [
                "gc.memberships": .stringConvertible(report.memberships), "gc.blobs": .stringConvertible(report.blobs.items),
                "gc.orphans": .stringConvertible(report.orphans.items), "gc.evicted": .stringConvertible(report.evicted.items),
                "gc.emptied": .stringConvertible(report.emptied.items),
                "gc.freed.bytes": .stringConvertible(report.freedBytes), "gc.failures": .stringConvertible(report.failures),
                "store.bytes": .stringConvertible(report.stored.bytes), "cache.bytes": .stringConvertible(report.cached.bytes),
            ])
    }
}
