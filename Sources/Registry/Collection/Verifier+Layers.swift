import Logging
import WeirCore
import WeirVault

extension Verifier {
    /// The outcome of reading a stored blob whole.
    enum Finding {
        case well
        /// Its key is disabled, or waits for its deletion: the bytes cannot be checked, and no fault is reported.
        case sealedAway
        case flaw(VerifyReport.Fault.Kind, String, BlobFault?)
    }

    /// Reads every blob that a repository may serve.
    func verifyLayers(
        into report: inout VerifyReport, _ repairs: inout Repairs, _ progress: (JobProgress) -> Void
    ) async throws {
        let none = Timestamp(microseconds: .min)
        var last: BlobLocation?
        repeat {
            let page = try await collector.walk(after: last, until: none)
            last = page.last?.row.location
            for found in page {
                try Task.checkCancellation()
                guard let holder = found.holders.first else {
                    report.unheld += 1
                    continue
                }
                report.blobs.add(found.row.size)
                let finding = try await look(at: found.row, sealedBy: blobs.key(holder.encryption, in: holder.registry))
                repairs.streak.note(finding)
                switch finding {
                case .well:
                    if found.row.fault != nil { try await blobs.clear(found.row.location, storedAt: found.row.storedAt) }
                case .sealedAway: report.sealedAway.add(found.row.size)
                case .flaw(let kind, let detail, let fault):
                    if let fault { await blobs.note(fault, of: found.row.location, storedAt: found.row.storedAt) }
                    try await tell(kind, detail, of: found, into: &report, &repairs)
                }
                progress(JobProgress(.layers, done: report.blobs.items, bytes: report.blobs.bytes))
            }
        } while last != nil
    }

    private func look(at row: CollectionQueries.StoredRow, sealedBy key: SealingKey?) async throws -> Finding {
        do {
            let file = try blobs.store.open(row.location)
            // A file of another length does not open, either; the length is the more telling reason.
            guard (key == nil ? file.size : SealedFormat.plainSize(ofFileSize: file.size)) == row.size else {
                let detail = "the file has \(file.size) bytes; the blob has \(row.size)"
                return .flaw(.wrongLength, detail, BlobFault(.damaged, detail))
            }
            let content = try await blobs.content(of: file, row.location.digest, sealedBy: key)
            let digest = try await content.digest(row.location.digest.algorithm, size: row.size)
            guard digest != row.location.digest else { return .well }
            let detail = "the bytes have the digest \(digest)"
            return .flaw(.wrongDigest, detail, BlobFault(.damaged, detail))
        } catch let refusal as Refusal {
            // A refusal of the keyring.
            return refusal.isSealedAway ? .sealedAway : .flaw(.keyGone, refusal.message, nil)
        } catch {
            guard let fault = BlobFault(error) else { throw error }
            switch fault.state {
            case .damaged: return .flaw(.damaged, fault.detail, fault)
            case .missing: return .flaw(.missingFile, fault.detail, fault)
            case .unreadable: return .flaw(.unreadable, fault.detail, fault)
            }
        }
    }

    private func tell(
        _ kind: VerifyReport.Fault.Kind, _ detail: String, of found: Collector.Found, into report: inout VerifyReport,
        _ repairs: inout Repairs
    ) async throws {
        // A row that has changed since it was read has no fault.
        guard try await isStill(found.row) else { return }
        let isCached = try await collector.isCached(found)
        var fault = VerifyReport.Fault(
            kind: kind, subject: "\(found.row.location)", detail: detail,
            repositories: found.holders.prefix(10).map { "\($0.registry)/\($0.name)" })
        fault.needsPush = !isCached && kind.meansLoss
        guard report.isRepair, kind.meansLoss, isCached || (repairs.givesUpPushed && kind != .missingFile) else {
            return report.add(fault)
        }
        repairs.add(fault, found.row, isCached: isCached)
    }

    private func isStill(_ row: CollectionQueries.StoredRow) async throws -> Bool {
        try await database.read { try CollectionQueries.stored(row.location, $0)?.storedAt == row.storedAt }
    }

    /// Takes damaged content out of its place into quarantine, and removes the rows of cached content whose file is gone. Does
    /// nothing where there is so much of it that the disk is likely to blame.
    func repairLayers(_ repairs: inout Repairs, into report: inout VerifyReport) async throws {
        if let reason = repairs.refusal { report.stopped = reason }
        for var repair in repairs.takeAll() {
            if report.stopped == nil {
                let isGone = try await takeOut(repair.row, isMissing: repair.fault.kind == .missingFile)
                fault(&repair, isRepaired: isGone)
            }
            report.add(repair.fault)
        }
    }

    private func fault(_ repair: inout Repairs.Repair, isRepaired: Bool) {
        repair.fault.isRepaired = isRepaired && repair.isCached
    }

    private func takeOut(_ row: CollectionQueries.StoredRow, isMissing: Bool) async throws -> Bool {
        try await blobs.locks.withLock(row.location) {
            guard isMissing else {
                let (_, failures) = try await quarantine.take([row.location], because: .damaged) { now, _ in
                    now.storedAt == row.storedAt
                }
                return failures == 0
            }
            // The file may have come back.
            guard case .flaw(.missingFile, _, _) = try await look(at: row, sealedBy: nil) else { return false }
            try await database.write { sql in
                guard try CollectionQueries.stored(row.location, sql)?.storedAt == row.storedAt else { return }
                try BlobTable.remove(row.location, sql)
            }
            return true
        }
    }
}

extension VerifyReport.Fault.Kind {
    /// The bytes are missing, or not those that were stored: only another copy helps.
    fileprivate var meansLoss: Bool { [.missingFile, .wrongLength, .damaged, .wrongDigest].contains(self) }
}

extension Refusal {
    /// An administrator disabled the key, or ordered its deletion, so that what it seals cannot be read.
    var isSealedAway: Bool { reason == .kmsKeyDisabled || reason == .kmsInvalidState }
}
