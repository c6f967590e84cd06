import Logging
import Metrics
import WeirCore

/// Compares the rows with the disk: reads and hashes every blob, opens every manifest, looks up every file. Everything else goes
/// on; what changes while it is looked at is no fault.
///
/// A repair puts damaged content that upstream gives again, and files without a row, into quarantine. It leaves pushed content,
/// unless it is told to give that up too, and never touches content that cannot be read now. Where there is much to repair it
/// does nothing, since many faults are a volume's and not a blob's. It never makes content up.
package final class Verifier: Sendable {
    let database: any SQLDatabase
    let repositories: Repositories
    let images: Images
    let blobs: Blobs
    let rules: CacheRules
    let collector: Collector
    let quarantine: Quarantine
    let clock: WallClock
    let logger: Logger

    init(repositories: Repositories, images: Images, rules: CacheRules, collector: Collector) {
        database = collector.database
        self.repositories = repositories
        self.images = images
        blobs = collector.blobs
        self.rules = rules
        self.collector = collector
        quarantine = collector.quarantine
        clock = collector.clock
        logger = collector.logger
    }

    /// - Parameters:
    /// - repair: puts into quarantine what upstream gives again, and files without a row.
    /// - givingUpPushed: makes a repair also take damaged content that only a push brings back.
    /// - Throws: the refusal of the `DestructionPermit` where a repair is wanted.
    package func verify(
        repair: Bool = false, givingUpPushed: Bool = false, progress: @Sendable (JobProgress) -> Void = { _ in }
    ) async throws -> VerifyReport {
        if repair { try await collector.permit.check() }
        var report = VerifyReport(isRepair: repair, at: clock.now)
        var repairs = Repairs(
            givesUpPushed: givingUpPushed, stored: try await database.read { try CollectionQueries.storedCount($0) })
        try await verifyLayers(into: &report, &repairs, progress)
        try await repairLayers(&repairs, into: &report)
        try await verifyImages(into: &report, progress)
        try await verifyFiles(into: &report, &repairs, progress)
        report.endedAt = clock.now
        progress(JobProgress(.done))
        try await tell(report)
        return report
    }

    private func tell(_ report: VerifyReport) async throws {
        for fault in report.faults {
            logger.error(
                "Verification found a fault",
                metadata: [
                    "fault.kind": "\(fault.kind.rawValue)", "fault.subject": "\(fault.subject)",
                    "fault.detail": "\(fault.detail)", "fault.repaired": .stringConvertible(fault.isRepaired),
                ])
        }
        Gauge(label: "weir_verify_faults").record(report.faultCount - report.repaired)
        try await collector.tellState()
        if let reason = report.stopped { logger.warning("Verification repaired nothing", metadata: ["reason": "\(reason)"]) }
        logger.info(
            "Verified",
            metadata: [
                "verify.blobs": .stringConvertible(report.blobs.items), "verify.bytes": .stringConvertible(report.blobs.bytes),
                "verify.manifests": .stringConvertible(report.manifests), "verify.faults": .stringConvertible(report.faultCount),
                "verify.repaired": .stringConvertible(report.repaired),
                "verify.sealed_away": .stringConvertible(report.sealedAway.items),
            ])
    }
}
