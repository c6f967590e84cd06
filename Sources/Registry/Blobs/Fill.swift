import NIOCore
import Synchronization
import WeirCore
import WeirVault

/// One blob on its way from upstream, and all who read it meanwhile.
final class Fill: Sendable {
    /// What a reader waits for.
    private enum Wanted {
        case head
        case bytes(past: Int64)
    }

    private enum Answer {
        case own(FillProgress.Answer)
        /// The blob's first bytes, which are not in the file yet.
        case opening(ByteBuffer)
        /// Another fill brings the same bytes: ask it.
        case follow(Fill)

        var isWait: Bool { if case .own(.wait) = self { true } else { false } }
    }

    private struct State {
        var progress = FillProgress()
        var failure: (any Error)?
        var content: OpenContent?
        /// The first bytes, until they have landed: a connection begins slowly, and clients need not wait for a whole segment.
        var opening: ByteBuffer?
        /// A blob of one segment is given out once it is verified, before it is on disk.
        var opensVerified = false
        /// Another repository's fill of the same bytes, which this one has proved that it may read.
        var leader: Fill?
        var waiting = Waiters<Wanted, Answer>()

        /// Takes out the readers that have an answer now.
        mutating func answered() -> [(waiter: Waiter<Answer>, answer: Answer)] {
            var waiting = Waiters<Wanted, Answer>()
            swap(&waiting, &self.waiting)
            defer { swap(&waiting, &self.waiting) }
            return waiting.removeAll { wanted in
                let answer = answer(wanted)
                return answer.isWait ? nil : answer
            }
        }

        func answer(_ wanted: Wanted) -> Answer {
            let answer =
                switch wanted {
                case .head: progress.answerForHead()
                case .bytes(let offset): progress.answer(at: offset)
                }
            guard answer == .wait else { return .own(answer) }
            if case .bytes(let offset) = wanted, let opening, !opensVerified, offset < opening.readableBytes {
                return .opening(opening.slice(from: Int(offset), upTo: opening.readableBytes))
            }
            return leader.map { .follow($0) } ?? .own(answer)
        }
    }

    private static let segment = SealedFormat.segmentSize

    let digest: Digest
    private let state = Mutex(State())
    private let readers = Atomic(0)

    init(_ digest: Digest) { self.digest = digest }

    // MARK: Events, from the one who fills

    /// Upstream answered: `content` reads what lands.
    func answered(size: Int64?, content: OpenContent) {
        change {
            $0.content = content
            $0.progress.answered(size: size)
        }
    }

    /// The first bytes are about to come. Where the size is not known, they are given out only when they are verified and stored.
    func opens(size: Int64?) {
        guard let size else { return }
        state.withLock { state in
            state.opening = ByteBuffer()
            state.opensVerified = size <= Self.segment
        }
    }

    /// The next bytes have come, and are going to land.
    func arrived(_ bytes: ByteBuffer) {
        guard state.withLock({ $0.opening.map { $0.readableBytes < Self.segment } ?? false }) else { return }
        change { state in
            let rest = Self.segment - (state.opening?.readableBytes ?? 0)
            state.opening?.writeImmutableBuffer(bytes.slice(from: 0, upTo: rest))
        }
    }

    /// All bytes have come.
    func arrivedWhole() {
        guard let bytes = state.withLock({ $0.opensVerified ? $0.opening : nil }),
            Digest(of: bytes.readableBytesView, digest.algorithm) == digest
        else { return }
        change { $0.opensVerified = false }
    }

    func landed(_ count: Int64) {
        change {
            $0.progress.landed(count)
            if count >= Self.segment { $0.opening = nil }
        }
    }

    func stored(size: Int64) { change { $0.progress.stored(size: size) } }

    /// From now on readers get what `leader` has. Its failure is not this fill's: readers then wait for this fill's own bytes.
    func follow(_ leader: Fill) { change { $0.leader = leader } }

    func unfollow(_ leader: Fill) { change { if $0.leader === leader { $0.leader = nil } } }

    func failed(_ error: any Error) {
        change {
            $0.failure = $0.failure ?? error
            $0.progress.failed()
        }
    }

    private func change(_ event: (inout State) -> Void) {
        let answered = state.withLock { state in
            event(&state)
            return state.answered()
        }
        for (waiter, answer) in answered { waiter.resume(returning: answer) }
    }

    // MARK: Readers

    /// Adds a reader, until `leave`.
    func join() { readers.add(1, ordering: .relaxed) }

    func leave() {
        readers.subtract(1, ordering: .relaxed)
        forgetParts()
        state.withLock { $0.leader }?.forgetParts()
    }

    /// Drops the parts that readers shared, its own readers or those of a fill that follows, where fewer than two are left.
    private func forgetParts() {
        if readers.load(ordering: .relaxed) < 2 { state.withLock { $0.content }?.forgetParts() }
    }

    /// The blob's size, as soon as upstream has answered; nil where it does not tell. Throws the reason why there will be no
    /// blob.
    func head() async throws -> Int64? {
        while true {
            switch try await wait(for: .head) {
            case .own(.head(let size)), .own(.readable(_, let size)): return size
            case .own(.stored(let size)): return size
            case .own(.failed), .own(.wait), .opening: throw failure
            case .follow(let leader):
                if let size = try await following(leader, { try await $0.head() }) { return size }
            }
        }
    }

    /// Waits until the blob is whole, verified and on disk. Throws the reason why it will not be.
    func whole() async throws -> Int64 {
        while true {
            switch try await wait(for: .bytes(past: .max)) {
            case .own(.stored(let size)): return size
            case .own, .opening: throw failure
            // What the leader has stored counts here only once this repository is known to have it too.
            case .follow(let leader): _ = try await following(leader, { try await $0.whole() }, andThenLeave: true)
            }
        }
    }

    /// Up to `count` bytes from `offset`, as soon as the first of them can be read; empty at the end.
    ///
    /// - Parameter isShared: another reader is expected to want the same bytes.
    func read(at offset: Int64, upTo count: Int, isShared: Bool = false) async throws -> ByteBuffer {
        let isShared = isShared || readers.load(ordering: .relaxed) > 1
        while true {
            let answer = try await wait(for: .bytes(past: offset))
            let content = state.withLock { $0.content }
            switch (answer, content) {
            case (.opening(let bytes), _): return bytes.slice(from: 0, upTo: count)
            case (.follow(let leader), _):
                if let bytes = try await following(leader, { try await $0.read(at: offset, upTo: count, isShared: isShared) }) {
                    return bytes
                }
            case (.own(.readable(let landed, _)), let content?):
                return try await content.read(
                    at: offset, upTo: count, readable: landed, size: BlobContent.unfinished, isShared: isShared)
            case (.own(.stored(let size)), let content?):
                return try await content.read(
                    at: offset, upTo: count, readable: size, size: size, isShared: isShared)
            default: throw failure
            }
        }
    }

    /// The leader's answer; nil where it failed and is no longer followed.
    private func following<Value>(
        _ leader: Fill, _ ask: (Fill) async throws -> Value, andThenLeave: Bool = false
    ) async throws -> Value? {
        do {
            let value = try await ask(leader)
            if andThenLeave { unfollow(leader) }
            return value
        } catch {
            // A reader that hangs up tells nothing about the leader.
            try Task.checkCancellation()
            unfollow(leader)
            return nil
        }
    }

    /// The number of bytes that can be read, and the blob's size where it is known.
    var progress: (landed: Int64, size: Int64?) {
        let (progress, leader) = state.withLock { ($0.progress.state, $0.leader) }
        return switch progress {
        case .asking: leader?.progress ?? (0, nil)
        case .receiving(let landed, let size): (landed, size)
        case .stored(let size): (size, size)
        case .failed: (0, nil)
        }
    }

    private var failure: any Error {
        state.withLock { $0.failure } ?? CancellationError()
    }

    /// Cancelling ends this reader's wait alone: the fill and the other readers do not notice.
    private func wait(for wanted: Wanted) async throws -> Answer {
        try await state.wait { state, waiter in
            let answer = state.answer(wanted)
            guard answer.isWait else { return answer }
            state.waiting.append(waiter, wish: wanted)
            return nil
        } leave: {
            $0.waiting.remove($1)
        }
    }
}

/// Reads a blob that is being filled.
final class FillBody: BlobBody {
    private let fill: Fill

    init(_ fill: Fill) {
        self.fill = fill
        fill.join()
    }

    deinit { fill.leave() }

    func read(at offset: Int64, upTo count: Int) async throws -> ByteBuffer {
        try await fill.read(at: offset, upTo: count)
    }
}
