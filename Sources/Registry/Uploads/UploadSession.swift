import struct Crypto.SHA512
import NIOCore
import Synchronization
import WeirCore

/// How far an upload has come, as a client is told.
package struct UploadStatus: Sendable, Hashable {
    /// A lower-case UUID.
    package let id: String
    /// Bytes received so far: the next one has this number.
    package let received: Int64
}

/// One upload: a client sends it in as many requests as it likes, one after the other.
///
/// ```
/// idle ──begin──▶ busy ──end──▶ idle        a PATCH came and went; what it brought before it broke off counts
///                  │
///                  └──close──▶ closed        committed, cancelled, given up for its age, or its content was wrong
/// ```
final class UploadSession: Sendable {
    private enum State {
        /// Nobody sends. Leaves to `.busy` with a request, to `.closed` when cancelled or too old.
        case idle(since: Timestamp)
        /// A request is sending. Leaves to `.idle` when it ends, to `.closed` when the content is committed or wrong.
        case busy
        /// Final.
        case closed
    }

    let id: String
    let repository: Repository
    let intake: Intake
    private let content: BlobContent
    private let state: Mutex<State>

    init(id: String, repository: Repository, intake: Intake, content: BlobContent, at now: Timestamp) {
        self.id = id
        self.repository = repository
        self.intake = intake
        self.content = content
        state = Mutex(.idle(since: now))
    }

    var status: UploadStatus { UploadStatus(id: id, received: intake.taken) }

    /// Claims the session for one request, which sends from `offset` on. Two at once, or bytes out of order, are refused.
    func begin(at offset: Int64?) throws(Refusal) {
        let refusal = state.withLock { state -> Refusal? in
            guard case .idle = state else {
                return Refusal(.blobUploadOutOfOrder, "Another request is sending to this upload")
            }
            if let offset, offset != intake.taken {
                return Refusal(
                    .blobUploadOutOfOrder,
                    "The chunk begins at byte \(offset); the next byte of this upload is \(intake.taken)")
            }
            state = .busy
            return nil
        }
        if let refusal { throw refusal }
    }

    func end(at now: Timestamp) {
        state.withLock { if case .busy = $0 { $0 = .idle(since: now) } }
    }

    /// Ends the session for good. True for the one who did it.
    func close() -> Bool {
        state.withLock { state in
            if case .closed = state { return false }
            state = .closed
            return true
        }
    }

    /// Closes the session if nobody has sent anything since `moment`.
    func closeIfIdle(since moment: Timestamp) -> Bool {
        state.withLock { state in
            guard case .idle(let since) = state, since < moment else { return false }
            state = .closed
            return true
        }
    }

    /// The digest of everything received, in the algorithm that the client names at the end. SHA-256 has been computed on the way;
    /// for another the bytes are read back.
    func digest(_ algorithm: Digest.Algorithm) async throws -> (digest: Digest, size: Int64) {
        let drained = try await intake.drain()
        guard algorithm == .sha512 else { return drained }
        let tail = intake.held
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
