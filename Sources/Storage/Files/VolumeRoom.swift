import Glibc
import Synchronization
package import WeirCore

/// The free room of a folder's volume. Below the reserve no blobs are accepted. A ballast file is deleted when even rows find no
/// room.
package final class VolumeRoom: StoreRoom {
    private struct State {
        /// In bytes: the volume's last answer, less what was written since.
        var free: Int64 = .max
        var askedAt: ContinuousClock.Instant?
        var isShort = false
        /// The largest request that found no room, a quarter of the volume at most, and its time.
        var missed: Int64 = 0
        var missedAt: ContinuousClock.Instant?
    }

    private static let memory = Duration.seconds(1)
    /// How long a request that found no room counts as shortage.
    private static let missing = Duration.seconds(600)
    private static let largestReserve: Int64 = 1 << 30
    /// Enough for the rows of one collection.
    private static let smallestBallast: Int64 = 4 << 20
    private static let largestBallast: Int64 = 16 << 20

    private let folder: String
    /// In bytes, kept free.
    package let reserve: Int64
    private let ballast: Int64
    private let size: Int64
    private let state = Mutex(State())

    /// - Parameter reserve: in bytes; nil for a fiftieth of the volume, 1 GiB at most.
    package init(folder: String, reserve: Int64?) {
        self.folder = folder
        size = Self.volume(of: folder)?.size ?? .max
        // Bounded, so that sums cannot overflow.
        self.reserve = min(max(0, reserve ?? min(Self.largestReserve, size / 50)), 1 << 60)
        ballast = self.reserve == 0 ? 0 : min(max(size / 100, Self.smallestBallast), Self.largestBallast)
    }

    package func check(for bytes: Int64) throws(BlobStoreError) {
        let free = free()
        guard free < reserve || free - reserve < bytes else { return }
        throw .full(
            "\(max(0, free) >> 20) MiB are free on the volume, of which \(reserve >> 20) MiB are kept (--reserve), and \(bytes >> 10) KiB are wanted"
        )
    }

    package func missed(_ bytes: Int64) {
        // Sealing adds a little, and other writes happen meanwhile.
        let wanted = bytes.adding(bytes / 16).adding(1 << 20)
        state.withLock { state in
            state.missed = max(state.missed, min(wanted, size / 4))
            state.missedAt = .now
        }
    }

    /// `check`, and counts the bytes as written.
    func take(_ bytes: Int64) throws(BlobStoreError) {
        try check(for: bytes)
        state.withLock { $0.free -= min(bytes, $0.free) }
    }

    package var shortage: Int64 {
        let free = free()
        // Hysteresis: shortage begins below the reserve and ends at one and a half times the reserve. Otherwise it would begin
        // again at once.
        let wanted = reserve + reserve / 2
        return state.withLock { state in
            if free < reserve { state.isShort = true }
            if free >= wanted { state.isShort = false }
            // Also make room for the last request that failed: otherwise a nearly full cache would never keep a large layer.
            if let at = state.missedAt, ContinuousClock.now - at > Self.missing || free - reserve >= state.missed {
                (state.missed, state.missedAt) = (0, nil)
            }
            let missing = state.missed > 0 ? reserve + state.missed - free : 0
            return max(0, state.isShort ? wanted - free : 0, missing)
        }
    }

    private func free() -> Int64 {
        let now = ContinuousClock.now
        let known = state.withLock { state in
            state.askedAt.map { now - $0 < Self.memory } ?? false ? state.free : nil
        }
        if let known { return known }
        // A volume that does not answer counts as having room: the write itself will fail if not.
        let free = Self.volume(of: folder)?.free ?? .max
        state.withLock { state in
            state.free = free
            state.askedAt = now
        }
        return free
    }

    private static func volume(of folder: String) -> (size: Int64, free: Int64)? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        let block = Int64(clamping: status.f_frsize)
        func bytes(_ blocks: UInt) -> Int64 {
            let (bytes, overflows) = block.multipliedReportingOverflow(by: Int64(clamping: blocks))
            return overflows ? .max : bytes
        }
        return (bytes(UInt(status.f_blocks)), bytes(UInt(status.f_bavail)))
    }

    // MARK: - Ballast

    private var ballastFile: String { folder + "/ballast" }

    package func dropBallast() -> Bool {
        guard unlink(ballastFile) == 0 else { return false }
        state.withLock { $0.askedAt = nil }
        return true
    }

    package func makeRoomForRows() {
        state.withLock { $0.askedAt = nil }
        if free() < max(ballast, Self.smallestBallast) { _ = dropBallast() }
    }

    package func restoreBallast() {
        var status = stat()
        guard ballast > 0, lstat(ballastFile, &status) != 0, errno == ENOENT else { return }
        let free = free()
        guard free > ballast, free - ballast >= reserve + reserve / 2 else { return }
        let descriptor = open(ballastFile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // No ballast on a file system that cannot reserve room.
        if posix_fallocate(descriptor, 0, off_t(ballast)) != 0 { unlink(ballastFile) }
    }
}
