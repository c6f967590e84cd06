import WeirCore

extension Collector {
    /// Step 1, and once more at the end of a run with a grace of its own: deletes for good what has waited long enough in
    /// quarantine.
    ///
    /// An operator's grace applies to unreferenced blobs. The same run deletes what it has just put into quarantine.
    func empty(
        _ orders: Orders, into report: inout CollectionReport, _ progress: @Sendable (JobProgress) -> Void
    ) async throws {
        let due = quarantine.due(unreferenced: orders.grace)
        guard !orders.isDryRun else {
            if report.blobs.items == 0, report.orphans.items == 0 { report.emptied = try await quarantine.total(of: due) }
            if orders.grace == .zero { report.emptied.add(report.blobs.bytes, items: report.blobs.items) }
            if settings.grace == .zero { report.emptied.add(report.orphans.bytes, items: report.orphans.items) }
            return
        }
        let (gone, failures) = try await quarantine.empty(due)
        report.emptied.add(gone.bytes, items: gone.items)
        report.failures += failures
        progress(JobProgress(.quarantine, done: report.emptied.items, bytes: report.emptied.bytes))
    }

    /// Evicts down to this share of the cap, so that the next fill does not start an eviction again.
    private static let lowWater = 0.9

    /// Step 5: where the cache exceeds the cap, evicts the cached blobs whose last pull was longest ago.
    ///
    /// Their memberships and images stay: the next pull of such a blob gets it from upstream again.
    func evict(
        _ survey: Survey, into report: inout CollectionReport, _ progress: (JobProgress) -> Void
    ) async throws {
        var excess: Int64 = 0
        if let cap = settings.cacheSize, report.cached.bytes > cap {
            excess = report.cached.bytes.subtracting(Int64(saturating: Double(cap) * Self.lowWater))
        }
        // Cached blobs are also evicted, cap or no cap, where there is no room on the volume.
        excess = max(excess, blobs.room.shortage)
        guard excess > 0 else { return }
        let limit = promisesEnd()
        var oldest = Oldest(bytes: min(excess, survey.evictable.bytes))
        var last: BlobLocation?
        repeat {
            try Task.checkCancellation()
            let page = try await walk(after: last, until: limit)
            last = page.last?.row.location
            for found in page where !found.holders.isEmpty && found.isEvictable(promisesEnd: limit) {
                if try await isCached(found) { oldest.consider(found.row, usedAt: found.usedAt) }
            }
        } while last != nil
        let victims = oldest.chosen
        let before = report.evicted
        report.evicted = try await remove(victims, .evicted(promisesEnd: limit), adding: before, &report)
        let gone = CollectionReport.Count(
            items: report.evicted.items.subtracting(before.items), bytes: report.evicted.bytes.subtracting(before.bytes))
        report.stored.add(-gone.bytes, items: -gone.items)
        report.cached.add(-gone.bytes, items: -gone.items)
        progress(JobProgress(.eviction, done: gone.items, bytes: gone.bytes))
    }

    /// Evicts if more has been stored since the last walk than the cap allows; otherwise it costs nothing.
    ///
    /// Where promises hold content back, a walk cannot get below the cap. The next one is then worth its while only after a
    /// hundredth of the cap has been stored.
    package func evictIfGrown(since last: CollectionReport?) async throws -> CollectionReport? {
        if blobs.room.shortage > 0, isTimeForRoom() { return try await collect() }
        guard let cap = settings.cacheSize else { return nil }
        let grown = blobs.growth.uncounted
        let before = last?.cached.bytes ?? cap
        guard grown > (last != nil && before > cap ? cap / 100 : 0), before.adding(grown) > cap else { return nil }
        return try await collect()
    }
}

/// The blobs that were used longest ago, which together make up a number of bytes. Holds only about twice as many in memory.
struct Oldest {
    private let wanted: Int64
    private var kept: [(row: CollectionQueries.StoredRow, usedAt: Timestamp)] = []
    private var bytes: Int64 = 0

    init(bytes wanted: Int64) { self.wanted = wanted }

    mutating func consider(_ row: CollectionQueries.StoredRow, usedAt: Timestamp) {
        kept.append((row, usedAt))
        bytes.add(row.size)
        if kept.count > 2_000, bytes > wanted.multiplied(by: 2) { cut() }
    }

    var chosen: [CollectionQueries.StoredRow] {
        var copy = self
        copy.cut()
        return copy.kept.map(\.row)
    }

    private mutating func cut() {
        kept.sort { ($0.usedAt, $0.row.location.digest) < ($1.usedAt, $1.row.location.digest) }
        bytes = 0
        let count = kept.firstIndex { found in
            defer { bytes.add(found.row.size) }
            return bytes >= wanted
        }
        if let count {
            bytes = bytes.subtracting(kept[count].row.size)
            kept.removeSubrange(count...)
        }
    }
}
