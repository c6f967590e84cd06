import Logging
import WeirCore

extension Collector {
    /// What a walk over the stored blobs finds out besides.
    struct Survey: Sendable {
        /// Bytes stored before the walk began, by `Blobs.growth`.
        let growth: Int64
        /// Cached blobs that nothing holds back from eviction.
        var evictable = CollectionReport.Count()
    }

    /// Why a place is to be emptied. The transaction that does it asks again.
    enum RemovalReason: Sendable {
        /// No repository may serve it.
        case unheld
        /// Cached only, and not promised to a client after this moment.
        case evicted(promisesEnd: Timestamp)
    }

    /// Step 2: removes memberships that no image and no promise needs.
    func collectMemberships(
        until limit: Timestamp, into report: inout CollectionReport, _ progress: (JobProgress) -> Void
    ) async throws {
        var last: CollectionQueries.Membership?
        repeat {
            try Task.checkCancellation()
            let after = last
            let page = try await database.read {
                try CollectionQueries.unused(after: after, until: limit, count: Self.page, $0)
            }
            last = page.last
            guard !page.isEmpty else { return }
            if report.isDryRun {
                report.memberships += Int64(page.count)
            } else {
                let now = clock.now
                report.memberships += try await database.write { sql in
                    try page.reduce(0) { count, membership in
                        let isGone = try BlobTable.expelUnused(
                            membership.digest, from: membership.repository, promisedUntil: limit, at: now, sql)
                        return count + (isGone ? 1 : 0)
                    }
                }
            }
            progress(JobProgress(.memberships, done: report.memberships))
        } while last != nil
    }

    /// Step 3: walks over all stored blobs, puts those that no repository may serve into quarantine, and adds up the others.
    func collectBlobs(
        until limit: Timestamp, into report: inout CollectionReport, _ survey: inout Survey,
        _ progress: (JobProgress) -> Void
    ) async throws {
        var last: BlobLocation?
        var done: Int64 = 0
        repeat {
            try Task.checkCancellation()
            let page = try await walk(after: last, until: limit)
            last = page.last?.row.location
            done += Int64(page.count)
            var doomed: [CollectionQueries.StoredRow] = []
            for found in page {
                if found.holders.isEmpty {
                    doomed.append(found.row)
                    continue
                }
                report.stored.add(found.row.size)
                guard try await isCached(found) else { continue }
                report.cached.add(found.row.size)
                if found.isEvictable(promisesEnd: limit) { survey.evictable.add(found.row.size) }
            }
            report.blobs = try await remove(doomed, .unheld, adding: report.blobs, &report)
            progress(JobProgress(.blobs, done: done))
        } while last != nil
    }

    /// A stored blob and the repositories that may serve it.
    struct Found: Sendable {
        let row: CollectionQueries.StoredRow
        let holders: [CollectionQueries.Holder]

        var usedAt: Timestamp { holders.compactMap(\.usedAt).reduce(row.storedAt, max) }

        func isEvictable(promisesEnd limit: Timestamp) -> Bool { holders.allSatisfy { $0.promisedAt <= limit } }
    }

    func walk(after last: BlobLocation?, until limit: Timestamp) async throws -> [Found] {
        let blobs = blobs
        return try await database.read { sql in
            try CollectionQueries.stored(after: last, count: Self.page, sql).map { row in
                let holders = try CollectionQueries.holders(of: row.location.digest, ignoringUnusedUntil: limit, sql)
                return Found(row: row, holders: holders.filter { $0.holds(row.location, blobs) })
            }
        }
    }

    /// Whether upstream can give the blob again to every repository that holds it.
    func isCached(_ found: Found) async throws -> Bool {
        for holder in found.holders {
            guard !holder.isPushed, try await rules.rule(covering: holder.name, in: holder.registry) != nil else {
                return false
            }
        }
        return true
    }

    /// Empties places under their locks: removes the rows, then the files, for good or into quarantine. Returns `count` with the
    /// removed blobs added; in a dry run with those that would be removed.
    func remove(
        _ rows: [CollectionQueries.StoredRow], _ reason: RemovalReason, adding count: CollectionReport.Count,
        _ report: inout CollectionReport
    ) async throws -> CollectionReport.Count {
        var count = count
        if report.isDryRun {
            for row in rows { count.add(row.size) }
            return count
        }
        for start in stride(from: 0, to: rows.count, by: Self.batch) {
            let batch = rows[start..<min(start + Self.batch, rows.count)].map(\.location)
            let (gone, failures) = try await blobs.locks.withLocks(batch) { try await empty(batch, reason) }
            for row in gone { count.add(row.size) }
            report.failures += failures
        }
        return count
    }

    private func empty(
        _ locations: [BlobLocation], _ reason: RemovalReason
    ) async throws -> (gone: [CollectionQueries.StoredRow], failures: Int64) {
        let blobs = blobs
        let isToGo: @Sendable (CollectionQueries.StoredRow, any SQLConnection) throws -> Bool = { row, sql in
            let holders = try CollectionQueries.holders(of: row.location.digest, sql).filter { $0.holds(row.location, blobs) }
            return try reason.holds(holders, sql)
        }
        guard case .evicted = reason else { return try await quarantine.take(locations, because: .unreferenced, where: isToGo) }
        // Evicted content skips the quarantine: upstream gives it again, and the room is wanted now.
        let gone = try await database.write { sql in
            try locations.compactMap { location -> CollectionQueries.StoredRow? in
                guard let row = try CollectionQueries.stored(location, sql), try isToGo(row, sql) else { return nil }
                try BlobTable.remove(location, sql)
                return row
            }
        }
        return (gone, await removeFiles(gone.map(\.location)))
    }

    /// Returns how many could not be removed. They are orphans now, which the next run finds.
    func removeFiles(_ locations: [BlobLocation]) async -> Int64 {
        var failures: Int64 = 0
        for location in locations {
            let store = blobs.store
            do {
                try await onDisk { try store.delete(location) }
            } catch {
                failures += 1
                logger.warning(
                    "A blob's file could not be removed", metadata: ["blob.place": "\(location)", "error": "\(error)"])
            }
        }
        return failures
    }
}

extension Collector.RemovalReason {
    fileprivate func holds(_ holders: [CollectionQueries.Holder], _ sql: any SQLConnection) throws -> Bool {
        switch self {
        case .unheld: return holders.isEmpty
        case .evicted(let limit):
            // Where the rule has been deleted meanwhile, upstream cannot give the blob again.
            return try holders.allSatisfy { holder in
                guard !holder.isPushed, holder.promisedAt <= limit else { return false }
                return try CacheRuleTable.all(in: holder.registry, sql).contains { $0.prefix.covers(holder.name) }
            }
        }
    }
}

extension CollectionQueries.Holder {
    /// Whether the repository finds the blob in this place, since it seals under the place's key.
    func holds(_ location: BlobLocation, _ blobs: Blobs) -> Bool { blobs.scope(encryption, in: registry) == location.scope }
}
