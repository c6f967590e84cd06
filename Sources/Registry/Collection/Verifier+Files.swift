import WeirCore

extension Verifier {
    /// Looks up every file of the store among the rows.
    func verifyFiles(into report: inout VerifyReport, _ progress: (ChoreProgress) -> Void) async throws {
        let store = blobs.store
        let shelves = try await collector.onDisk { try store.shelves() }
        for (number, shelf) in shelves.enumerated() {
            try Task.checkCancellation()
            for entry in try await collector.onDisk({ try store.contents(of: shelf) }) {
                guard let place = entry.place else {
                    report.add(Self.fault(.strayFile, entry, "\(entry.size) bytes that are no blob"))
                    continue
                }
                guard try await collector.withoutRow([place]).contains(place) else { continue }
                if let fault = try await orphan(entry, at: place, repair: report.isRepair) { report.add(fault) }
            }
            progress(ChoreProgress(.orphans, done: Int64(number + 1), total: Int64(shelves.count)))
        }
    }

    /// Under the place's lock, where no commit is half-way: nil where the file has its row by now.
    private func orphan(_ entry: BlobEntry, at place: BlobPlace, repair: Bool) async throws -> VerifyReport.Fault? {
        try await blobs.places.withLock(place) {
            guard try await collector.withoutRow([place]).contains(place) else { return nil }
            var fault = Self.fault(.orphanFile, entry, "\(entry.size) bytes that no row knows")
            if repair { fault.isRepaired = await collector.removeFiles([place]) == 0 }
            return fault
        }
    }

    private static func fault(
        _ kind: VerifyReport.Fault.Kind, _ entry: BlobEntry, _ detail: String
    ) -> VerifyReport.Fault {
        VerifyReport.Fault(kind: kind, subject: entry.name, detail: detail, repositories: [])
    }
}
