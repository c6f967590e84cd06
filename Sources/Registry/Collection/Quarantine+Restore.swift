import Logging
import NIOCore
import WeirCore
import WeirVault

extension Quarantine {
    /// Brings back the blobs that an operator names. Each is read whole, and goes back to its place where its digest is right.
    /// The repositories that held it, and still exist, may serve it again. It stays for a grace period, whether an image names it
    /// or not.
    package func restore(
        _ selection: LostSelection, progress: @Sendable (JobProgress) -> Void = { _ in }
    ) async throws -> LostReport {
        var report = LostReport()
        try await forEach(of: selection, &report) { lost, report in
            try await restore(lost, into: &report)
            progress(JobProgress(.quarantine, done: report.done.items, bytes: report.done.bytes))
        }
        try await tell()
        return report
    }

    func restore(_ lost: LostBlob, into report: inout LostReport) async throws {
        do {
            let size = try await blobs.locks.withLock(lost.blob.location) { try await restoreLocked(lost) }
            report.done.add(size)
            logger.notice(
                "Brought back from quarantine",
                metadata: ["blob.place": "\(lost.blob.location)", "lost.why": "\(lost.reason.rawValue)"])
        } catch let refusal as Refusal {
            report.fail(lost.digest, refusal.message)
        } catch let error as SealError {
            report.fail(lost.digest, "\(error): it stays in quarantine")
        } catch let error as BlobStoreError {
            report.fail(lost.digest, error == .missing ? "its file is not in quarantine" : "\(error)")
        }
    }

    /// Returns the blob's size in bytes. Call it under the place's lock.
    private func restoreLocked(_ lost: LostBlob) async throws -> Int64 {
        let (location, blob) = (lost.blob.location, lost.blob)
        let (holders, row) = try await database.read { [blobs] sql in
            (
                try LostTable.holders(of: location.digest, sql).filter {
                    blobs.scope($0.encryption, in: $0.registry) == location.scope
                },
                try CollectionQueries.stored(location, sql)
            )
        }
        guard !holders.isEmpty else {
            throw Refusal(
                .contentDamaged,
                "No repository of this database holds it: restore the database that knows it, or push the image again")
        }
        let size = try await moveBack(lost.blob, unless: row)
        let now = clock.now
        try await database.write { sql in
            try BlobTable.stored(location, size: size, at: now, sql)
            for holder in holders {
                try BlobTable.admit(location.digest, to: holder.repository, holder.origin, promisedAt: now, sql)
            }
            _ = try LostTable.remove(blob, sql)
        }
        blobs.faults.forget(location)
        blobs.opened.forget(location)
        return size
    }

    /// Puts the file back where its bytes are whole, or deletes it where the blob was pushed again meanwhile. Returns the blob's
    /// size in bytes.
    private func moveBack(_ blob: QuarantinedBlob, unless row: CollectionQueries.StoredRow?) async throws -> Int64 {
        if let row, try await isWell(row) {
            try await onDisk { [store = blobs.store] in try store.delete(blob) }
            return row.size
        }
        let location = blob.location
        let content = try await blobs.content(
            of: try blobs.store.open(blob), location.digest, sealedBy: try await key(of: location.scope))
        guard let size = content.size else { throw SealError.damaged }
        let digest = try await content.digest(location.digest.algorithm, size: size)
        guard digest == location.digest else {
            throw Refusal(.contentDamaged, "Its bytes have the digest \(digest): it stays in quarantine")
        }
        try await onDisk { [store = blobs.store] in try store.release(blob) }
        return size
    }

    /// Whether the row's file is there, and has no known fault.
    private func isWell(_ row: CollectionQueries.StoredRow) async throws -> Bool {
        guard row.fault == nil else { return false }
        do {
            _ = try blobs.store.open(row.location)
            return true
        } catch BlobStoreError.missing {
            return false
        }
    }

    /// The key that seals the content of a scope; nil for unsealed content.
    private func key(of scope: String) async throws -> SealingKey? {
        let known = try await database.read { try LostTable.encryptions($0) }
        guard let found = known.first(where: { blobs.scope($0.encryption, in: $0.registry) == scope }) else {
            throw Refusal(.kmsKeyNotFound, "The key that seals it is not here: it stays in quarantine")
        }
        return blobs.key(found.encryption, in: found.registry)
    }
}
