import struct Crypto.SHA256
import struct Crypto.SHA512
import Logging
import Metrics
import NIOCore
import WeirCore
import WeirVault

/// Compares what the rows promise with what the disk holds: every blob read and hashed, every manifest opened, every file looked
/// up. Everything goes on meanwhile; what changes while it is looked at is no fault.
///
/// Repairing makes honest what cannot be mended: a damaged blob is taken away, so that upstream gives it again or the next push
/// is not told that it is here. Nothing is ever made up.
package final class Verifier: Sendable {
    let database: any SQLDatabase
    let repositories: Repositories
    let images: Images
    let blobs: Blobs
    let rules: CacheRules
    let collector: Collector
    let clock: WallClock
    let logger: Logger

    init(repositories: Repositories, images: Images, rules: CacheRules, collector: Collector) {
        database = collector.database
        self.repositories = repositories
        self.images = images
        blobs = collector.blobs
        self.rules = rules
        self.collector = collector
        clock = collector.clock
        logger = collector.logger
    }

    package func verify(
        repair: Bool = false, progress: @Sendable (ChoreProgress) -> Void = { _ in }
    ) async throws -> VerifyReport {
        if repair { try collector.permit.check() }
        var report = VerifyReport(isRepair: repair, at: clock.now)
        try await verifyLayers(into: &report, progress)
        try await verifyImages(into: &report, progress)
        try await verifyFiles(into: &report, progress)
        report.endedAt = clock.now
        progress(ChoreProgress(.done))
        for fault in report.faults {
            logger.error(
                "Verification found a fault",
                metadata: [
                    "fault.kind": "\(fault.kind.rawValue)", "fault.subject": "\(fault.subject)",
                    "fault.detail": "\(fault.detail)", "fault.repaired": "\(fault.isRepaired)",
                ])
        }
        Gauge(label: "weir_verify_faults").record(report.faultCount - report.repaired)
        logger.info(
            "Verified",
            metadata: [
                "verify.blobs": "\(report.blobs.items)", "verify.bytes": "\(report.blobs.bytes)",
                "verify.manifests": "\(report.manifests)", "verify.faults": "\(report.faultCount)",
                "verify.repaired": "\(report.repaired)",
            ])
        return report
    }

    /// The digest of a blob's plain bytes, a part at a time.
    func digest(of content: BlobContent, _ algorithm: Digest.Algorithm, size: Int64) async throws -> Digest {
        var sha256 = SHA256()
        var sha512 = SHA512()
        var offset: Int64 = 0
        repeat {
            try Task.checkCancellation()
            // Also an empty blob has a segment to open.
            let part = try await content.read(at: offset, upTo: 256 * 1024)
            if part.readableBytes == 0 { break }
            offset += Int64(part.readableBytes)
            part.withUnsafeReadableBytes { bytes in
                switch algorithm {
                case .sha256: sha256.update(bufferPointer: bytes)
                case .sha512: sha512.update(bufferPointer: bytes)
                }
            }
            // Pulls come first.
            await Task.yield()
        } while offset < size
        return algorithm == .sha256 ? Digest(sha256.finalize()) : Digest(sha512.finalize())
    }
}
