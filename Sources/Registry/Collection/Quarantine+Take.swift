import Logging
import WeirCore

extension Quarantine {
    /// Takes those blobs out of their places for which `isToGo` still says so. Call it under the places' locks.
    ///
    /// - Returns: the rows that went, and how many files could not be moved. Those have no row any more, and the next collection
    ///   moves them.
    func take(
        _ locations: [BlobLocation], because reason: LostBlob.Reason,
        where isToGo: @escaping @Sendable (CollectionQueries.StoredRow, any SQLConnection) throws -> Bool
    ) async throws -> (gone: [CollectionQueries.StoredRow], failures: Int64) {
        let now = clock.now
        let taken = try await database.write { sql in
            try locations.compactMap { location -> (CollectionQueries.StoredRow, LostBlob)? in
                guard let row = try CollectionQueries.stored(location, sql), try isToGo(row, sql) else { return nil }
                let lost = LostBlob(
                    blob: QuarantinedBlob(location: location, number: Self.newNumber()), size: row.size, reason: reason,
                    since: now,
                    holders: try LostTable.names(of: location.digest, sql))
                try BlobTable.remove(location, sql)
                try LostTable.insert(lost, sql)
                return (row, lost)
            }
        }
        for (row, _) in taken { blobs.opened.forget(row.location) }
        return (taken.map(\.0), await move(taken.map(\.1.blob)))
    }

    /// A file without a row, and its row in quarantine where a move was begun and not ended.
    struct Orphan: Sendable {
        let location: BlobLocation
        let size: Int64
        let begun: QuarantinedBlob?
    }

    /// Takes files without a row out of their places. Call it under the places' locks: a commit puts the file in place before its
    /// row.
    func take(orphans: [Orphan]) async throws -> (gone: Set<BlobLocation>, failures: Int64) {
        guard !orphans.isEmpty else { return ([], 0) }
        let now = clock.now
        let taken = try await database.write { sql in
            try orphans.compactMap { orphan -> QuarantinedBlob? in
                guard try CollectionQueries.stored(orphan.location, sql) == nil else { return nil }
                if let begun = orphan.begun { return begun }
                let lost = LostBlob(
                    blob: QuarantinedBlob(location: orphan.location, number: Self.newNumber()), size: orphan.size,
                    reason: .orphan,
                    since: now, holders: try LostTable.names(of: orphan.location.digest, sql))
                try LostTable.insert(lost, sql)
                return lost.blob
            }
        }
        return (Set(taken.map(\.location)), await move(taken))
    }

    /// The move into quarantine that was begun for a file and has not ended; nil where there is none.
    func begunMove(of location: BlobLocation, among lost: [LostBlob]) async throws -> QuarantinedBlob? {
        for lost in lost where try await !isThere(lost.blob) { return lost.blob }
        return nil
    }

    /// Returns how many could not be moved.
    private func move(_ taken: [QuarantinedBlob]) async -> Int64 {
        var failures: Int64 = 0
        for blob in taken {
            do {
                try await onDisk { [store = blobs.store] in try store.quarantine(blob) }
            } catch BlobStoreError.missing {
                // Without a file there is nothing to bring back.
                _ = try? await database.write { try LostTable.remove(blob, $0) }
            } catch {
                failures += 1
                logger.warning(
                    "A blob's file could not be moved into quarantine",
                    metadata: ["blob.place": "\(blob.location)", "error": "\(error)"])
            }
        }
        return failures
    }

    /// Takes in files in quarantine that have no row, as a database from an older backup leaves them: their wait begins now. A
    /// file that a blob's row misses in its place goes back there.
    func takeInStrays() async throws {
        let store = blobs.store
        for directory in try await lookingAtDisk({ try store.quarantineDirectories() }) {
            let entries = try await lookingAtDisk { try store.contents(of: directory) }
            for start in stride(from: 0, to: entries.count, by: Self.batch) {
                let found = entries[start..<min(start + Self.batch, entries.count)].compactMap { entry in
                    entry.quarantined.map { ($0, entry.size) }
                }
                let strays = try await database.read { sql in
                    try found.filter { try LostTable.find($0.0, sql) == nil }
                }
                for (blob, size) in strays { try await takeIn(blob, size) }
            }
        }
    }

    private func takeIn(_ blob: QuarantinedBlob, _ size: Int64) async throws {
        let lost = try await blobs.locks.withLock(blob.location) { () -> (LostBlob, isMissed: Bool)? in
            // The blob was brought back or deleted since it was seen.
            guard try await isThere(blob) else { return nil }
            let now = clock.now
            return try await database.write { sql in
                if let known = try LostTable.find(blob, sql) { return (known, false) }
                let lost = LostBlob(
                    blob: blob, size: size, reason: .orphan, since: now,
                    holders: try LostTable.names(of: blob.location.digest, sql))
                try LostTable.insert(lost, sql)
                return (lost, try CollectionQueries.stored(blob.location, sql) != nil)
            }
        }
        guard let lost, lost.isMissed else { return }
        do { _ = try blobs.store.open(blob.location) } catch BlobStoreError.missing {
            var report = LostReport()
            try await restore(lost.0, into: &report)
        }
    }

    func isThere(_ blob: QuarantinedBlob) async throws -> Bool {
        try await onDisk { [store = blobs.store] in
            do {
                _ = try store.open(blob)
                return true
            } catch BlobStoreError.missing {
                return false
            } catch is BlobStoreError {
                // Only a file that exists can fail in this way.
                return true
            }
        }
    }
}
