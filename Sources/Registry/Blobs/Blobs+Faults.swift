import struct Crypto.SHA256
import struct Crypto.SHA512
import Logging
import Metrics
import NIOCore
import WeirCore
import WeirVault

// What happens when stored bytes cannot be read, or are wrong.
//
//     read ──▶ fault ──▶ the row tells of it (fault, fault_at, fault_detail): nothing is deleted, neither row nor file
//                          pushed    damaged, missing: refused, and a client that asks before it pushes is told to send it
//                                    unreadable:       refused for now
//                          cached    fetched from upstream again, and stored in the place of the bad bytes
//     read well, read whole by a verification, stored again ──▶ the fault is taken out of the row

extension Blobs {
    /// Content with a fault is read whole before it is served again, up to this size; of larger content only the header is read.
    private static let examined: Int64 = 64 << 20

    /// Writes a fault into the blob's row and into the log: once a minute for each blob, however many read it. Never fails, since
    /// its caller already has a fault to report.
    func note(_ fault: BlobFault, of location: BlobLocation, storedAt moment: Timestamp?) async {
        opened.forget(location)
        let now = clock.now
        guard fault.isOfTheBlob, faults.isNews(fault, of: location, at: now) else { return }
        logger.error(
            "Stored blob is \(fault.state.rawValue)",
            metadata: ["blob.place": "\(location)", "fault.state": "\(fault.state.rawValue)", "error": "\(fault.detail)"])
        if fault.state == .damaged { Counter(label: "weir_damaged_blobs_total").increment() }
        do {
            try await database.write { try BlobTable.mark(location, storedAt: moment, fault, at: now, $0) }
            try await tellFaults()
        } catch {
            logger.warning("A blob's fault could not be recorded", metadata: ["blob.place": "\(location)", "error": "\(error)"])
        }
    }

    /// Sets the gauge of the faults that are known.
    func tellFaults() async throws {
        let faults = try await database.read { try BlobTable.faults($0) }
        for state in BlobFault.State.allCases {
            Gauge(label: "weir_stored_faults", dimensions: [("state", state.rawValue)]).record(faults[state] ?? 0)
        }
    }

    /// Takes the fault out of the row: the bytes have been read, and are right.
    func clear(_ location: BlobLocation, storedAt moment: Timestamp?) async throws {
        faults.forget(location)
        try await database.write { try BlobTable.clear(location, storedAt: moment, $0) }
        try await tellFaults()
        logger.notice("Stored blob can be read again", metadata: ["blob.place": "\(location)"])
    }

    /// Examines content that had a fault when it was read last: throws the fault where it is still there, else clears it.
    ///
    /// - Parameter mayServeDoubt: damaged content that is too large to be read whole now may be read by the caller once more; its
    ///   fault then stays.
    func examine(
        _ content: BlobContent, in location: BlobLocation, _ status: BlobTable.BlobStatus, mayServeDoubt: Bool
    ) async throws {
        guard let before = status.fault, let size = status.stored else { return }
        if let fault = faults.recentFault(of: location, at: clock.now) { throw fault }
        if size > Self.examined {
            guard before == .damaged else { return try await clear(location, storedAt: status.storedAt) }
            guard mayServeDoubt else { throw BlobFault(.damaged, "it was damaged when it was read last") }
            return
        }
        do {
            let digest = try await content.digest(location.digest.algorithm, size: size)
            guard digest == location.digest else { throw BlobFault(.damaged, "the bytes have the digest \(digest)") }
        } catch {
            if let fault = BlobFault(error) { faults.remember(fault, of: location, at: clock.now) }
            throw error
        }
        try await clear(location, storedAt: status.storedAt)
    }
}

extension BlobContent {
    /// The digest of the plain bytes, read a part at a time.
    func digest(_ algorithm: Digest.Algorithm, size: Int64) async throws -> Digest {
        var sha256 = SHA256()
        var sha512 = SHA512()
        var offset: Int64 = 0
        repeat {
            try Task.checkCancellation()
            // An empty blob has a segment to open, too.
            let part = try await read(at: offset, upTo: 256 * 1024)
            if part.readableBytes == 0 { break }
            offset += Int64(part.readableBytes)
            part.withUnsafeReadableBytes { bytes in
                switch algorithm {
                case .sha256: sha256.update(bufferPointer: bytes)
                case .sha512: sha512.update(bufferPointer: bytes)
                }
            }
            // Lets pulls go first.
            await Task.yield()
        } while offset < size
        return algorithm == .sha256 ? Digest(sha256.finalize()) : Digest(sha512.finalize())
    }
}
