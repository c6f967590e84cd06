import CPlatform
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import WeirCore

/// An open file, closed with its last reference. So readers of a deleted or replaced blob can read on.
final class BlobFile: Sendable {
    let descriptor: Int32
    private let name: String
    private let reads: FileReads

    init(_ descriptor: Int32, name: String, reads: FileReads) {
        self.descriptor = descriptor
        self.name = name
        self.reads = reads
    }

    deinit { close(descriptor) }

    /// `count` bytes from `offset`, fewer only if `end` comes first.
    func read(at offset: Int64, count: Int, end: Int64) async throws(BlobStoreError) -> ByteBuffer {
        guard offset >= 0, count >= 0 else {
            throw .failed("\(name): there is nothing to read at \(offset), \(count) bytes")
        }
        let count = Int(min(Int64(count), max(0, end - offset)))
        guard count > 0 else { return ByteBuffer() }
        if reads.cacheCanBeAsked, let bytes = try readCached(at: offset, count: count) { return bytes }
        return try await reads.onThread { () throws(BlobStoreError) in
            try self.readWaiting(at: offset, count: count)
        }
    }

    /// Reads from the page cache on the caller's thread; nil if some of it must come from the disk. A partial read is discarded:
    /// reading it again costs less than carrying it over.
    private func readCached(at offset: Int64, count: Int) throws(BlobStoreError) -> ByteBuffer? {
        do {
            return try fill(at: offset, count: count) { weir_pread_nowait($0, $1, $2, $3) }
        } catch let stop {
            switch stop {
            // The caller then reads on a thread that may block.
            case .errno(EAGAIN), .errno(EIO): return nil
            case .errno(EOPNOTSUPP), .errno(ENOSYS), .errno(EINVAL):
                reads.cacheCannotBeAsked()
                return nil
            default: throw stop.error(name)
            }
        }
    }

    /// Retries a failed read once: after a loose cable or a restarted file server the second attempt may succeed.
    private func readWaiting(at offset: Int64, count: Int) throws(BlobStoreError) -> ByteBuffer {
        do {
            return try fill(at: offset, count: count) { pread($0, $1, $2, $3) }
        } catch .errno(EIO) {
            do {
                return try fill(at: offset, count: count) { pread($0, $1, $2, $3) }
            } catch {
                throw error.error(name)
            }
        } catch {
            throw error.error(name)
        }
    }

    /// Reads directly into a new buffer until it holds `count` bytes.
    private func fill(
        at offset: Int64, count: Int, _ call: (Int32, UnsafeMutableRawPointer?, Int, off_t) -> Int
    ) throws(Stop) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        while buffer.readableBytes < count {
            let rest = count - buffer.readableBytes
            let from = off_t(offset) + off_t(buffer.readableBytes)
            let read = try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: rest) {
                (memory: UnsafeMutableRawBufferPointer) throws(Stop) in
                while true {
                    let read = call(descriptor, memory.baseAddress, rest, from)
                    if read >= 0 { return read }
                    let code = errno
                    if code != EINTR { throw .errno(code) }
                }
            }
            if read == 0 { throw .ended(from) }
        }
        return buffer
    }

    /// Why a read failed.
    private enum Stop: Error {
        case errno(Int32)
        /// The file is shorter than the store recorded: damage.
        case ended(off_t)

        func error(_ name: String) -> BlobStoreError {
            switch self {
            // ENOENT for an open file: a network file server has deleted it. That says nothing about the stored bytes.
            case .errno(ENOENT): .unavailable("read \(name): it is gone")
            case .errno(let code): BlobStoreError("read", name, code)
            case .ended(let offset): .damaged("\(name) ends at \(offset), before its end")
            }
        }
    }
}

/// The threads that may block on the disk, and whether the page cache can be read without them.
final class FileReads: Sendable {
    /// Enough to keep a disk's queue filled. Idle threads only sleep.
    private static let threads = 4

    private let pool = NIOThreadPool(numberOfThreads: threads)
    /// False once a file system has refused RWF_NOWAIT. Only a hint, so a relaxed atomic suffices.
    private let nowait = Atomic(true)

    init() { pool.start() }

    /// Blobs hold a reference to this, so the threads outlive the store until the last read.
    deinit { pool.shutdownGracefully { _ in } }

    var cacheCanBeAsked: Bool { nowait.load(ordering: .relaxed) }
    func cacheCannotBeAsked() { nowait.store(false, ordering: .relaxed) }

    /// Runs blocking work on one of the threads. Cancellation does not stop it: it ends soon by itself.
    func onThread<Value: Sendable>(
        _ work: @escaping @Sendable () throws(BlobStoreError) -> Value
    ) async throws(BlobStoreError) -> Value {
        let result = await withCheckedContinuation { (waiting: CheckedContinuation<Result<Value, BlobStoreError>, Never>) in
            pool.submit { state in
                switch state {
                case .active: waiting.resume(returning: Result(catching: work))
                case .cancelled: waiting.resume(returning: .failure(.closed))
                }
            }
        }
        return try result.get()
    }

    func shutdown() async {
        // Shutting down can fail only for a pool that cannot be stopped, such as NIO's singleton.
        try? await pool.shutdownGracefully()
    }
}
