import WeirCore

/// The progress of a blob that many read while it is fetched: a pure state machine. Events come in, answers go out; `Fill` has
/// the lock and wakes the readers.
package struct FillProgress {
    package enum State: Equatable {
        /// Upstream has been asked and has not answered. Leaves to `.receiving` when the head of its answer is there, to
        /// `.failed` when it says no.
        case asking
        /// Bytes are arriving; those before `landed` can be read. Leaves to `.stored` when the digest is right and the blob is on
        /// disk, to `.failed` when upstream breaks off, sends other bytes than the digest says, or the disk refuses.
        case receiving(landed: Int64, size: Int64?)
        /// Whole, verified, on disk. Final.
        case stored(size: Int64)
        /// It will not come. Final; the next request starts a new fill.
        case failed
    }

    /// What a reader at some offset may do now.
    package enum Answer: Equatable {
        /// The head is known: the blob's size, where upstream told it.
        case head(size: Int64?)
        case readable(upTo: Int64, size: Int64?)
        case stored(size: Int64)
        case failed
        case wait
    }

    package private(set) var state = State.asking

    package init() {}

    package mutating func answered(size: Int64?) {
        guard case .asking = state else { return }
        state = .receiving(landed: 0, size: size)
    }

    package mutating func landed(_ count: Int64) {
        guard case .receiving(let before, let size) = state else { return }
        state = .receiving(landed: max(before, count), size: size)
    }

    package mutating func stored(size: Int64) {
        if state != .failed { state = .stored(size: size) }
    }

    package mutating func failed() {
        if case .stored = state { return }
        state = .failed
    }

    /// For a reader that wants to know the size before it answers its client.
    package func answerForHead() -> Answer {
        switch state {
        case .asking: .wait
        case .receiving(_, let size): .head(size: size)
        case .stored(let size): .stored(size: size)
        case .failed: .failed
        }
    }

    /// For a reader that has everything before `offset`.
    package func answer(at offset: Int64) -> Answer {
        switch state {
        case .asking: .wait
        case .receiving(let landed, let size): offset < landed ? .readable(upTo: landed, size: size) : .wait
        case .stored(let size): .stored(size: size)
        case .failed: .failed
        }
    }
}
