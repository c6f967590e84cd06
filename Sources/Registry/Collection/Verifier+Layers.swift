import WeirCore
import WeirVault

extension Verifier {
    /// Reads every blob that some repository may serve.
    func verifyLayers(into report: inout VerifyReport, _ progress: (ChoreProgress) -> Void) async throws {
        let none = Timestamp(microseconds: .min)
        var last: BlobPlace?
        repeat {
            let page = try await collector.walk(after: last, until: none)
            last = page.last?.row.place
            for found in page {
                try Task.checkCancellation()
                guard let holder = found.holders.first else {
                    report.unheld += 1
                    continue
                }
                report.blobs.add(found.row.size)
                let fault = try await fault(of: found.row, sealedBy: blobs.key(holder.encryption, in: holder.registry))
                if let fault, let told = try await settle(fault, of: found, repair: report.isRepair) { report.add(told) }
                progress(ChoreProgress(.layers, done: report.blobs.items, bytes: report.blobs.bytes))
            }
        } while last != nil
    }

    private typealias Flaw = (kind: VerifyReport.Fault.Kind, detail: String)

    private func fault(of row: CollectionTable.StoredRow, sealedBy key: SealingKey?) async throws -> Flaw? {
        do {
            let content = try await blobs.content(in: row.place, sealedBy: key)
            guard content.size == row.size else {
                return (.wrongLength, "the file has \(content.file.size) bytes; the blob has \(row.size)")
            }
            let digest = try await digest(of: content, row.place.digest.algorithm, size: row.size)
            return digest == row.place.digest ? nil : (.wrongDigest, "the bytes have the digest \(digest)")
        } catch let error as BlobStoreError {
            return error == .missing ? (.missingFile, "the file is not there") : (.damaged, "\(error)")
        } catch let error as SealError {
            return (.damaged, "\(error)")
        } catch let error as CancellationError {
            throw error
        } catch {
            // The keyring's word: disabled, being deleted, gone.
            return (.unreadable, "\(error)")
        }
    }

    /// What is told of a flaw, after a repair where one is wanted; nil where the blob has changed since it was read.
    private func settle(_ flaw: Flaw, of found: Collector.Found, repair: Bool) async throws -> VerifyReport.Fault? {
        let row = found.row
        let isStill: @Sendable () async throws -> Bool = { [database] in
            try await database.read { try CollectionTable.stored(row.place, $0) == row }
        }
        guard try await isStill() else { return nil }
        let isCached = try await collector.isCached(found)
        var fault = VerifyReport.Fault(
            kind: flaw.kind, subject: "\(row.place)", detail: flaw.detail,
            repositories: found.holders.prefix(10).map { "\($0.registry)/\($0.name)" })
        fault.needsPush = !isCached && flaw.kind != .unreadable
        guard repair, flaw.kind != .unreadable else { return fault }
        return try await blobs.places.withLock(row.place) {
            guard try await isStill() else { return nil }
            try await database.write { try CollectionTable.remove(row.place, $0) }
            let failures = await collector.removeFiles([row.place])
            fault.isRepaired = isCached && failures == 0
            return fault
        }
    }
}
