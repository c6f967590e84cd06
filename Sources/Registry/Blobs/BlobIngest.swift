import struct Crypto.SHA256
import struct Crypto.SHA512
package import NIOCore
import Synchronization
package import WeirCore
package import WeirVault

/// Takes a blob's bytes in order, and hashes, seals and writes them: the way in of every push and every fill.
///
/// Three parties at their own pace: the caller of `take` (a socket), a queue that hashes, a queue that seals and writes. Hashing
/// at 1.1 GB/s is the slowest of the three, so nothing else runs on its thread. `take` waits while more than `window` bytes are
/// on their way: that is the backpressure, and the bound on memory.
///
/// The last segment (at most 64 KiB) is held back until `complete`, which the caller calls after it has compared the digest. So a
/// reader of the staged bytes can never finish with content that is wrong.
package final class BlobIngest: Sendable {
    /// Bytes that may be taken and not yet hashed and written. One ingest holds no more memory than this and one part.
    static let window: Int64 = 4 * 1024 * 1024

    private let staged: any StagedBlob
    private let hashing: SerialQueue
    private let writing: SerialQueue
    private let flow: Mutex<Flow>
    private let hash: Hash
    private let writer: SegmentWriter

    private struct Flow {
        var taken: Int64 = 0
        var hashed: Int64 = 0
        var written: Int64 = 0
        var failure: (any Error)?
        /// The caller that waits until fewer than so many bytes are on their way. Not to be cancelled: the queues always go on.
        var waiting = Waiters<Int64, Result<Void, any Error>>()

        var onTheirWay: Int64 { taken - min(hashed, written) }
    }

    /// - Parameters:
    ///   - sealer: seals each segment; nil where content is kept as it came.
    ///   - landed: told, on the writing queue, how many bytes from the start can be read now.
    package init(
        into staged: any StagedBlob, sealer: SegmentSealer?, algorithm: Digest.Algorithm,
        landed: @escaping @Sendable (Int64) -> Void = { _ in }
    ) {
        self.staged = staged
        hash = Hash(algorithm)
        writer = SegmentWriter(staged: staged, sealer: sealer, landed: landed)
        hashing = SerialQueue("weir.hash")
        writing = SerialQueue("weir.write")
        flow = Mutex(Flow())
    }

    /// How many bytes have been taken.
    package var taken: Int64 { flow.withLock { $0.taken } }

    /// Takes the next bytes, from one caller at a time. Throws the failure of earlier bytes, if there was one.
    package func take(_ bytes: ByteBuffer) async throws {
        let count = Int64(bytes.readableBytes)
        guard count > 0 else { return }
        try flow.withLock { flow in
            if let failure = flow.failure { throw failure }
            flow.taken += count
        }
        hashing.begin { [self] in
            hash.update(bytes)
            advance { $0.hashed += count }
        }
        writing.begin { [self] in
            do { try writer.write(bytes) } catch { fail(error) }
            advance { $0.written += count }
        }
        try await waitUntil(below: Self.window)
    }

    /// Waits until everything taken is hashed and written, but for the last segment.
    package func drain() async throws -> (digest: Digest, size: Int64) {
        try await waitUntil(below: 1)
        return (hash.value, flow.withLock { $0.taken })
    }

    /// Everything taken is on disk in the staged blob `name`, but for the last bytes, which the caller must keep itself.
    package struct Checkpoint: Sendable {
        package let name: String
        /// At most one segment.
        package let held: ByteBuffer
        package let taken: Int64
    }

    /// Waits until everything taken survives a crash. Frees the memory that only a busy ingest needs.
    package func checkpoint() async throws -> Checkpoint {
        try await waitUntil(below: 1)
        return try await writing.run { [self] in
            Checkpoint(name: try staged.checkpoint(), held: writer.rest(), taken: taken)
        }
    }

    /// The bytes that `drain` left unwritten: at most one segment.
    package var held: ByteBuffer { writer.held }

    /// Writes the last segment and commits: visible and on disk when this returns. Call it after `drain`, when the digest is
    /// right.
    package func complete(as location: BlobLocation) async throws {
        try await writing.run { [self] in
            try writer.finish(as: location.digest)
            try staged.commit(as: location)
        }
    }

    /// Gives everything up. The caller must tell the readers of the staged bytes.
    package func discard() {
        fail(CancellationError())
        writing.begin { [staged] in staged.discard() }
    }

    private func advance(_ step: (inout Flow) -> Void) {
        let ready = flow.withLock { flow in
            step(&flow)
            let onTheirWay = flow.onTheirWay
            return flow.waiting.removeAll { onTheirWay < $0 ? .success(()) : nil }
        }
        for (waiter, result) in ready { waiter.resume(returning: result) }
    }

    private func fail(_ error: any Error) {
        let waiting = flow.withLock { flow in
            flow.failure = flow.failure ?? error
            return flow.waiting.removeAll()
        }
        for waiter in waiting { waiter.resume(returning: .failure(error)) }
    }

    private func waitUntil(below limit: Int64) async throws {
        let result = await flow.wait { flow, waiter -> Result<Void, any Error>? in
            if let failure = flow.failure { return .failure(failure) }
            if flow.onTheirWay < limit { return .success(()) }
            flow.waiting.append(waiter, wish: limit)
            return nil
        }
        try result.get()
    }
}

/// A running digest. Touched by the hashing queue alone until it has drained; the lock only tells the compiler so.
private final class Hash: Sendable {
    /// One of the two is set. It is updated in place: a copy of the hash's state for each part would cost an allocation each.
    private struct State {
        var sha256: SHA256?
        var sha512: SHA512?
    }

    private let state: Mutex<State>

    init(_ algorithm: Digest.Algorithm) {
        state = Mutex(algorithm == .sha256 ? State(sha256: SHA256()) : State(sha512: SHA512()))
    }

    func update(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { pointer in
            state.withLock { state in
                state.sha256?.update(bufferPointer: pointer)
                state.sha512?.update(bufferPointer: pointer)
            }
        }
    }

    var value: Digest {
        state.withLock { state in
            if let sha512 = state.sha512 { return Digest(sha512.finalize()) }
            return Digest((state.sha256 ?? SHA256()).finalize())
        }
    }
}
