import NIOCore
import Synchronization
import WeirCore

/// One blob on its way from upstream, and everybody who reads it meanwhile.
final class Fill: Sendable {
    /// What a reader waits for.
    private enum Wanted {
        case head
        case bytes(past: Int64)
    }

    private struct Waiter {
        let wanted: Wanted
        let continuation: CheckedContinuation<FillProgress.Answer, any Error>
    }

    private struct State {
        var progress = FillProgress()
        var failure: (any Error)?
        var content: BlobContent?
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0

        func answer(_ wanted: Wanted) -> FillProgress.Answer {
            switch wanted {
            case .head: progress.answerForHead()
            case .bytes(let offset): progress.answer(at: offset)
            }
        }
    }

    let digest: Digest
    private let state = Mutex(State())

    init(_ digest: Digest) { self.digest = digest }

    // MARK: Events, from the one who fills

    /// Upstream answered: `content` reads what lands.
    func answered(size: Int64?, content: BlobContent) {
        change {
            $0.content = content
            $0.progress.answered(size: size)
        }
    }

    func landed(_ count: Int64) { change { $0.progress.landed(count) } }

    func stored(size: Int64) { change { $0.progress.stored(size: size) } }

    func failed(_ error: any Error) {
        change {
            $0.failure = $0.failure ?? error
            $0.progress.failed()
        }
    }

    private func change(_ event: (inout State) -> Void) {
        let ready = state.withLock { state -> [(Waiter, FillProgress.Answer)] in
            event(&state)
            var ready: [(Waiter, FillProgress.Answer)] = []
            for (number, waiter) in state.waiters {
                let answer = state.answer(waiter.wanted)
                guard answer != .wait else { continue }
                state.waiters[number] = nil
                ready.append((waiter, answer))
            }
            return ready
        }
        for (waiter, answer) in ready { waiter.continuation.resume(returning: answer) }
    }

    // MARK: Readers

    /// The blob's size, as soon as upstream's answer is there; nil where it does not tell. Throws why there will be no blob.
    func head() async throws -> Int64? {
        switch try await wait(for: .head) {
        case .head(let size), .readable(_, let size): size
        case .stored(let size): size
        case .failed, .wait: throw failure
        }
    }

    /// Waits until the blob is whole, verified and on disk. Throws why it will not be.
    func whole() async throws -> Int64 {
        guard case .stored(let size) = try await wait(for: .bytes(past: .max)) else { throw failure }
        return size
    }

    /// Up to `count` bytes from `offset`, as soon as the first of them can be read; empty at the end.
    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer {
        let answer = try await wait(for: .bytes(past: offset))
        guard let content = state.withLock({ $0.content }) else { throw failure }
        switch answer {
        case .readable(let landed, _):
            return try await content.read(
                at: offset, upTo: min(count, Int(clamping: landed - offset)), size: BlobContent.unfinished)
        case .stored(let size):
            return try await content.read(at: offset, upTo: count, size: size)
        case .head, .failed, .wait:
            throw failure
        }
    }

    private var failure: any Error {
        state.withLock { $0.failure } ?? CancellationError()
    }

    /// A reader that is cancelled goes; the fill and the other readers do not notice.
    private func wait(for wanted: Wanted) async throws -> FillProgress.Answer {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let now = state.withLock { state -> FillProgress.Answer? in
                    let answer = state.answer(wanted)
                    guard answer == .wait, !Task.isCancelled else { return answer }
                    state.waiters[number] = Waiter(wanted: wanted, continuation: continuation)
                    return nil
                }
                switch now {
                case .wait: continuation.resume(throwing: CancellationError())
                case .some(let answer): continuation.resume(returning: answer)
                case nil: break
                }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }
}

/// Reads a blob that is being filled.
struct FillBody: BlobBody {
    let fill: Fill

    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer {
        try await fill.read(at: offset, upTo: count)
    }
}
