import WeirCore

extension Collector {
    /// More files without a row than this cannot come from a crash.
    static func unusual(of stored: Int64) -> Int64 { max(100, stored / 20) }

    /// Step 4: puts files without a row into quarantine. A crash between the two steps of a commit leaves one, and so does a
    /// crash between the collector's own two steps.
    ///
    /// All files are looked up before the first is touched: many files without a row are a sign that the database does not belong
    /// to the files.
    func collectOrphans(
        _ orders: Orders, into report: inout CollectionReport, _ progress: (JobProgress) -> Void
    ) async throws {
        let limit = orders.force ? .max : Self.unusual(of: report.stored.items)
        var found = FoundOrphans(limit: limit)
        let store = blobs.store
        let directories = try await onDisk { try store.directories() }
        for (number, directory) in directories.enumerated() {
            try Task.checkCancellation()
            let entries = try await onDisk { try store.contents(of: directory) }
            for start in stride(from: 0, to: entries.count, by: Self.page) {
                let batch = entries[start..<min(start + Self.page, entries.count)]
                try await orphans(among: batch) { entry, begun in
                    if begun == nil, isYoung(entry, orders) { return }
                    found.add(entry, begun)
                }
            }
            progress(JobProgress(.orphans, done: Int64(number + 1), total: Int64(directories.count)))
        }
        if found.areUnusual { report.stopped = found.reason(stored: report.stored.items) }
        for start in stride(from: 0, to: found.taken.count, by: Self.batch) {
            let batch = Array(found.taken[start..<min(start + Self.batch, found.taken.count)])
            var gone = Set(batch.map(\.location))
            if !report.isDryRun {
                let (taken, failures) = try await takeOrphans(batch)
                gone = taken
                report.failures += failures
            }
            for orphan in batch where gone.contains(orphan.location) { report.orphans.add(orphan.size) }
        }
    }

    /// A young file may get its row soon: from a restore, or from an operator who copies files back. A run with a grace of zero
    /// takes young files too; they wait in quarantine.
    private func isYoung(_ entry: BlobEntry, _ orders: Orders) -> Bool {
        orders.grace != .zero && entry.changedAt > clock.now + (.zero - settings.grace)
    }

    /// Reports each file without a row, and the move into quarantine that was begun for it, if there was one.
    func orphans(
        among entries: ArraySlice<BlobEntry>, _ tell: (BlobEntry, QuarantinedBlob?) -> Void
    ) async throws {
        let locations = entries.compactMap(\.location)
        guard !locations.isEmpty else { return }
        let orphans = try await database.read { sql in
            try locations.reduce(into: [BlobLocation: [LostBlob]]()) { orphans, location in
                if try CollectionQueries.stored(location, sql) == nil { orphans[location] = try LostTable.of(location, sql) }
            }
        }
        for entry in entries {
            guard let location = entry.location, let lost = orphans[location] else { continue }
            tell(entry, try await quarantine.begunMove(of: location, among: lost))
        }
    }

    /// The places that have no row.
    func withoutRow(_ locations: [BlobLocation]) async throws -> Set<BlobLocation> {
        try await database.read { sql in
            Set(try locations.filter { try CollectionQueries.stored($0, sql) == nil })
        }
    }

    /// Asks again under the locks: a commit puts the file in place before its row.
    func takeOrphans(_ orphans: [Quarantine.Orphan]) async throws -> (gone: Set<BlobLocation>, failures: Int64) {
        try await blobs.locks.withLocks(orphans.map(\.location)) { try await quarantine.take(orphans: orphans) }
    }
}

/// Files without a row, and which of them to take: all, where they are not too many.
struct FoundOrphans {
    private let limit: Int64
    /// Files that a row of the quarantine names: their move there was begun.
    private var begun: [Quarantine.Orphan] = []
    private var unexplained: [Quarantine.Orphan] = []
    private var count: Int64 = 0

    init(limit: Int64) { self.limit = limit }

    var areUnusual: Bool { count > limit }
    var taken: [Quarantine.Orphan] { areUnusual ? begun : begun + unexplained }

    mutating func add(_ entry: BlobEntry, _ move: QuarantinedBlob?) {
        guard let location = entry.location else { return }
        let orphan = Quarantine.Orphan(location: location, size: entry.size, begun: move)
        guard move == nil else { return begun.append(orphan) }
        count += 1
        if areUnusual { unexplained = [] } else { unexplained.append(orphan) }
    }

    func reason(stored: Int64) -> String {
        "\(count) files lie in the store without a row of the database, which knows \(stored) blobs: more than \(limit), as a database "
            + "leaves them that is older than the files, or another. They were left alone. If it is the right one, run `weir gc --force`"
    }
}
