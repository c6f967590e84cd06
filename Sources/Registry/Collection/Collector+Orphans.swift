import WeirCore

extension Collector {
    /// More files without a row than these are no crash's work.
    static func unusual(of stored: Int64) -> Int64 { max(100, stored / 20) }

    /// Step 4: files without a row, into quarantine. A crash between a commit's two steps leaves one, and so does one between the
    /// collector's own.
    ///
    /// All are looked up before the first is touched: many of them are a sign that the database is not the one that belongs to
    /// the files.
    func collectOrphans(
        _ orders: Orders, into report: inout CollectionReport, _ progress: (ChoreProgress) -> Void
    ) async throws {
        let limit = orders.force ? .max : Self.unusual(of: report.stored.items)
        var found = FoundOrphans(limit: limit)
        let store = blobs.store
        let shelves = try await onDisk { try store.shelves() }
        for (number, shelf) in shelves.enumerated() {
            try Task.checkCancellation()
            let entries = try await onDisk { try store.contents(of: shelf) }
            for start in stride(from: 0, to: entries.count, by: Self.page) {
                let batch = entries[start..<min(start + Self.page, entries.count)]
                try await orphans(among: batch) { entry, begun in
                    if begun == nil, isYoung(entry, orders) { return }
                    found.add(entry, begun)
                }
            }
            progress(ChoreProgress(.orphans, done: Int64(number + 1), total: Int64(shelves.count)))
        }
        if found.areUnusual { report.stopped = found.reason(stored: report.stored.items) }
        for start in stride(from: 0, to: found.taken.count, by: Self.batch) {
            let batch = Array(found.taken[start..<min(start + Self.batch, found.taken.count)])
            var gone = Set(batch.map(\.place))
            if !report.isDryRun {
                let (taken, failures) = try await takeOrphans(batch)
                gone = taken
                report.failures += failures
            }
            for orphan in batch where gone.contains(orphan.place) { report.orphans.add(orphan.size) }
        }
    }

    /// Whoever put it there may be about to write its row: a restore, or an operator who copies files back. Who orders no grace
    /// at all wants it put aside; it waits in quarantine.
    private func isYoung(_ entry: BlobEntry, _ orders: Orders) -> Bool {
        orders.grace != .zero && entry.changedAt > clock.now + (.zero - settings.grace)
    }

    /// Tells of each file without a row, and of the move into quarantine that was begun for it, if one was.
    func orphans(
        among entries: ArraySlice<BlobEntry>, _ tell: (BlobEntry, QuarantinedBlob?) -> Void
    ) async throws {
        let places = entries.compactMap(\.place)
        guard !places.isEmpty else { return }
        let orphans = try await database.read { sql in
            try places.reduce(into: [BlobPlace: [LostBlob]]()) { orphans, place in
                if try CollectionTable.stored(place, sql) == nil { orphans[place] = try LostTable.of(place, sql) }
            }
        }
        for entry in entries {
            guard let place = entry.place, let lost = orphans[place] else { continue }
            tell(entry, try await quarantine.begunMove(of: place, among: lost))
        }
    }

    /// Those of the places that no row knows.
    func withoutRow(_ places: [BlobPlace]) async throws -> Set<BlobPlace> {
        try await database.read { sql in
            Set(try places.filter { try CollectionTable.stored($0, sql) == nil })
        }
    }

    /// Asks again under the locks: a commit that is under way has its file in place before its row.
    func takeOrphans(_ orphans: [Quarantine.Orphan]) async throws -> (gone: Set<BlobPlace>, failures: Int64) {
        try await blobs.places.withLocks(orphans.map(\.place)) { try await quarantine.take(orphans: orphans) }
    }
}

/// Files without a row: those that go, where they are not too many.
struct FoundOrphans {
    private let limit: Int64
    /// Of these a row says that they were on their way out.
    private var begun: [Quarantine.Orphan] = []
    private var unexplained: [Quarantine.Orphan] = []
    private var count: Int64 = 0

    init(limit: Int64) { self.limit = limit }

    var areUnusual: Bool { count > limit }
    var taken: [Quarantine.Orphan] { areUnusual ? begun : begun + unexplained }

    mutating func add(_ entry: BlobEntry, _ move: QuarantinedBlob?) {
        guard let place = entry.place else { return }
        let orphan = Quarantine.Orphan(place: place, size: entry.size, begun: move)
        guard move == nil else { return begun.append(orphan) }
        count += 1
        if areUnusual { unexplained = [] } else { unexplained.append(orphan) }
    }

    func reason(stored: Int64) -> String {
        "\(count) files lie in the store without a row of the database, which knows \(stored) blobs: more than \(limit), as a database "
            + "leaves them that is older than the files, or another. They were left alone. If it is the right one, run `weir gc --force`"
    }
}
