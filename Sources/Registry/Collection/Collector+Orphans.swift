import WeirCore

extension Collector {
    /// Step 3: files without a row. A crash between a commit's two steps leaves one, and so does one between the collector's own.
    func collectOrphans(into report: inout CollectionReport, _ progress: (ChoreProgress) -> Void) async throws {
        let store = blobs.store
        let shelves = try await onDisk { try store.shelves() }
        for (number, shelf) in shelves.enumerated() {
            try Task.checkCancellation()
            let entries = try await onDisk { try store.contents(of: shelf) }
            for start in stride(from: 0, to: entries.count, by: Self.batch) {
                let batch = entries[start..<min(start + Self.batch, entries.count)]
                let orphans = try await withoutRow(batch.compactMap(\.place))
                guard !orphans.isEmpty else { continue }
                let gone = report.isDryRun ? orphans : try await removeOrphans(orphans, &report)
                for entry in batch where entry.place.map(gone.contains) ?? false { report.orphans.add(entry.size) }
            }
            progress(ChoreProgress(.orphans, done: Int64(number + 1), total: Int64(shelves.count)))
        }
    }

    /// Those of the places that no row knows.
    func withoutRow(_ places: [BlobPlace]) async throws -> Set<BlobPlace> {
        try await database.read { sql in
            Set(try places.filter { try CollectionTable.stored($0, sql) == nil })
        }
    }

    /// Asks again under the locks: a commit that is under way has its file in place before its row.
    private func removeOrphans(
        _ places: Set<BlobPlace>, _ report: inout CollectionReport
    ) async throws -> Set<BlobPlace> {
        let (gone, failures) = try await blobs.places.withLocks(Array(places)) {
            let orphans = try await withoutRow(Array(places))
            return (orphans, await removeFiles(Array(orphans)))
        }
        report.failures += failures
        return gone
    }
}
