import WeirCore

extension Verifier {
    /// Looks up every file of the store among the rows. A repair puts files without a row into quarantine, unless there are many.
    func verifyFiles(
        into report: inout VerifyReport, _ repairs: inout Repairs, _ progress: (JobProgress) -> Void
    ) async throws {
        let store = blobs.store
        let directories = try await collector.onDisk { try store.directories() }
        for (number, directory) in directories.enumerated() {
            try Task.checkCancellation()
            let entries = try await collector.onDisk { try store.contents(of: directory) }
            for entry in entries where entry.location == nil {
                report.add(Self.fault(.strayFile, entry, "\(entry.size) bytes that are no blob"))
            }
            var found: [(BlobEntry, QuarantinedBlob?)] = []
            for start in stride(from: 0, to: entries.count, by: Collector.page) {
                let batch = entries[start..<min(start + Collector.page, entries.count)]
                try await collector.orphans(among: batch) { found.append(($0, $1)) }
            }
            for (entry, begun) in found { try await tell(entry, begun, into: &report, &repairs) }
            progress(JobProgress(.orphans, done: Int64(number + 1), total: Int64(directories.count)))
        }
        try await repairFiles(&repairs, into: &report)
    }

    /// Looks again under the place's lock, where no commit is half-way: the file may have its row by now.
    private func tell(
        _ entry: BlobEntry, _ begun: QuarantinedBlob?, into report: inout VerifyReport, _ repairs: inout Repairs
    ) async throws {
        guard let location = entry.location else { return }
        let isOrphan = try await blobs.locks.withLock(location) { try await collector.withoutRow([location]).contains(location) }
        guard isOrphan else { return }
        let fault = Self.fault(.orphanFile, entry, "\(entry.size) bytes that no row knows")
        guard report.isRepair else { return report.add(fault) }
        repairs.add(fault, Quarantine.Orphan(location: location, size: entry.size, begun: begun))
    }

    private func repairFiles(_ repairs: inout Repairs, into report: inout VerifyReport) async throws {
        if let reason = repairs.orphansRefusal, report.stopped == nil { report.stopped = reason }
        for (var fault, orphan) in repairs.takeOrphans() {
            if report.stopped == nil {
                let (gone, failures) = try await collector.takeOrphans([orphan])
                fault.isRepaired = gone.contains(orphan.location) && failures == 0
            }
            report.add(fault)
        }
    }

    private static func fault(
        _ kind: VerifyReport.Fault.Kind, _ entry: BlobEntry, _ detail: String
    ) -> VerifyReport.Fault {
        VerifyReport.Fault(kind: kind, subject: entry.name, detail: detail, repositories: [])
    }
}
