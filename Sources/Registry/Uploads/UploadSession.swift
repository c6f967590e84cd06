import struct Crypto.SHA512
import NIOCore
import Synchronization
import WeirCore

/// How far an upload has come, as a client is told.
package struct UploadStatus: Sendable, Hashable {
    /// A lower-case UUID.
    package let id: String
    /// Bytes received so far, which is the offset of the next one.
    package let received: Int64
}

/// One upload: a client sends it in any number of requests, one after the other.
///
/// ```
/// idle ──begin──▶ busy ──end──▶ idle        a PATCH came and went; the bytes before it broke off count
///   │              │
///   │              └──close──▶ closed        committed, cancelled, given up for its age, or its content was wrong
///   └──rest──▶ closed                        unloaded to make room: the row and the staged file make it anew
/// ```
final class UploadSession: Sendable {
    /// What an upload holds only while it is in memory.
    struct Live: Sendable {
        let ingest: BlobIngest
        let content: BlobContent
    }

    private enum Phase {
        /// No request is sending. Leaves to `.busy` with a request, to `.closed` when cancelled, too old, or unloaded.
        case idle(since: Timestamp)
        /// A request is sending. Leaves to `.idle` when it ends, to `.closed` when the content is committed or wrong.
        case busy
        /// Final.
        case closed
    }

    private struct State {
        var phase: Phase
        var live: Live?
        var record: UploadRecord

        var received: Int64 { live?.ingest.taken ?? record.received }
    }

    /// The outcome of a request's claim.
    enum Begun {
        case begun
        case refused(Refusal)
        /// This session is over; the upload may go on in another session.
        case closed
    }

    let id: String
    let repository: Repository
    private let state: Mutex<State>

    init(_ record: UploadRecord, in repository: Repository, at now: Timestamp) {
        id = record.id
        self.repository = repository
        state = Mutex(State(phase: .idle(since: now), record: record))
    }

    var status: UploadStatus { UploadStatus(id: id, received: state.withLock { $0.received }) }
    /// The upload's state on disk.
    var record: UploadRecord { state.withLock { $0.record } }
    var live: Live? { state.withLock { $0.live } }

    /// Since when no request has been sending; nil while one is, and when the session is over.
    var idleSince: Timestamp? {
        state.withLock { state in
            if case .idle(let since) = state.phase { return since }
            return nil
        }
    }

    /// Claims the session for one request, which sends from `offset` on. Refuses a second request at the same time, and bytes out
    /// of order.
    func begin(at offset: Int64?) -> Begun {
        state.withLock { state in
            switch state.phase {
            case .closed: return .closed
            case .busy:
                return .refused(outOfOrder("Another request is sending to this upload", received: state.received))
            case .idle: break
            }
            if let offset, offset != state.received {
                return .refused(
                    outOfOrder(
                        "The part begins at byte \(offset); the next byte of this upload is \(state.received)",
                        received: state.received))
            }
            state.phase = .busy
            return .begun
        }
    }

    func end(at now: Timestamp) {
        state.withLock { if case .busy = $0.phase { $0.phase = .idle(since: now) } }
    }

    func wake(_ live: Live) { state.withLock { $0.live = live } }

    func checkpointed(_ record: UploadRecord) { state.withLock { $0.record = record } }

    /// Ends the session for good. True for the caller that did it.
    func close() -> Bool {
        state.withLock { state in
            if case .closed = state.phase { return false }
            state.phase = .closed
            return true
        }
    }

    /// Closes the session if no request has sent anything since `moment`.
    func closeIfIdle(since moment: Timestamp) -> Bool {
        state.withLock { state in
            guard case .idle(let since) = state.phase, since <= moment else { return false }
            state.phase = .closed
            return true
        }
    }

    /// The refusal of a part that does not follow the last one, with the facts that the client needs to go on.
    func outOfOrder(_ sentence: String, received: Int64) -> Refusal {
        Refusal(
            .blobUploadOutOfOrder, sentence,
            facts: [
                "registry.account": repository.registry.account.description,
                "repository.name": repository.name.description, "upload.id": id,
                "upload.last_byte": String(max(0, received - 1)),
            ])
    }
}

extension UploadSession.Live {
    /// The digest of everything received, in the algorithm that the client names at the end. SHA-256 has been computed on the
    /// way; for SHA-512 the bytes are read back.
    func digest(_ algorithm: Digest.Algorithm) async throws -> (digest: Digest, size: Int64) {
        let drained = try await ingest.drain()
        guard algorithm != drained.digest.algorithm else { return drained }
        let tail = ingest.held
        var hash = SHA512()
        var offset: Int64 = 0
        let landed = drained.size - Int64(tail.readableBytes)
        while offset < landed {
            let count = Int(min(1_048_576, landed - offset))
            let part = try await content.read(at: offset, upTo: count, size: BlobContent.unfinished)
            part.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
            offset += Int64(part.readableBytes)
        }
        tail.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        return (Digest(hash.finalize()), drained.size)
    }
}
