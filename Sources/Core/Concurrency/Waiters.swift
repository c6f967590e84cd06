// Waiting for what another task does, in one way everywhere.
//
// The list of those who wait is a part of the state that a `Mutex` guards, so that the two never disagree.
//
// ```
//             in the lock                                         after the lock
// wait        what is wanted is there  ────────────────────────▶  returns it
//             it is not: the waiter goes into a list of the state
//                                                                 … suspended …
// owner       changes the state, takes waiters out of the list ─▶ resumes each that it took
// cancelled   takes its own waiter out of the list, if it is there ─▶ resumes it: `wait` throws CancellationError
// ```
//
// The contract:
// - A waiter is resumed exactly once, by the one who took it out of its list, and after the lock is given back.
// - Where the owner and a cancellation race, the first to get the lock wins. So a task may be cancelled and get its value all the
//   same: what must be given back (a permit) has to be given back by its caller, or by its `deinit`.
// - What is there at once is given out to a cancelled task too.
// - A wait without `leave` cannot be cancelled. That is for waits that end soon by themselves, or whose result must be taken.
// - A list is never dropped with waiters in it: they would wait for ever. Who ends a service takes all of them out.

public import Synchronization  // What is inlined in other rooms names it.

/// A task that waits.
@usableFromInline package struct Waiter<Value: Sendable>: Sendable {
    /// Unlike any other's. Waits that began later have higher numbers.
    @usableFromInline package let number: UInt64
    /// Nil means cancelled.
    @usableFromInline let continuation: CheckedContinuation<Value?, Never>

    @usableFromInline init(number: UInt64, continuation: CheckedContinuation<Value?, Never>) {
        self.number = number
        self.continuation = continuation
    }

    /// Lets the task go on. Call it once, outside the lock.
    @inlinable package func resume(returning value: Value) { continuation.resume(returning: value) }
}

extension Waiter<Void> {
    @inlinable package func resume() { resume(returning: ()) }
}

/// Tasks that wait, in the order in which they were appended, each with what it wants.
@usableFromInline package struct Waiters<Wish: Sendable, Value: Sendable>: Sendable {
    @usableFromInline package struct Entry: Sendable {
        @usableFromInline package let waiter: Waiter<Value>
        @usableFromInline package let wish: Wish

        @usableFromInline init(waiter: Waiter<Value>, wish: Wish) {
            self.waiter = waiter
            self.wish = wish
        }
    }

    @usableFromInline var entries: [Entry] = []
    /// Where the first stands: what was before it has been taken out. Taking the first costs the same however many wait.
    @usableFromInline var begin = 0

    @inlinable package init() {}

    @inlinable package var isEmpty: Bool { begin == entries.count }
    @inlinable package var count: Int { entries.count - begin }
    @inlinable package var first: Entry? { isEmpty ? nil : entries[begin] }

    @inlinable package mutating func append(_ waiter: Waiter<Value>, wish: Wish) {
        entries.append(Entry(waiter: waiter, wish: wish))
    }

    @inlinable package mutating func popFirst() -> Entry? { isEmpty ? nil : takeOut(begin) }

    /// Takes out the least wish, and of equals the one that waits longest.
    @inlinable package mutating func popMin(by precedes: (Wish, Wish) -> Bool) -> Entry? {
        (begin..<entries.count).min { precedes(entries[$0].wish, entries[$1].wish) }.map { takeOut($0) }
    }

    /// Takes out one waiter; nil where another has taken it out before.
    @inlinable package mutating func remove(_ number: UInt64) -> Waiter<Value>? {
        entries[begin...].firstIndex { $0.waiter.number == number }.map { takeOut($0).waiter }
    }

    /// Takes out the first whose wish is meant.
    @inlinable package mutating func removeFirst(where isMeant: (Wish) -> Bool) -> Entry? {
        entries[begin...].firstIndex { isMeant($0.wish) }.map { takeOut($0) }
    }

    /// Takes out those whose wish has an answer now.
    @inlinable package mutating func removeAll(answered answer: (Wish) -> Value?) -> [(waiter: Waiter<Value>, answer: Value)] {
        var answered: [(waiter: Waiter<Value>, answer: Value)] = []
        var kept = begin
        for at in begin..<entries.count {
            if let answer = answer(entries[at].wish) {
                answered.append((entries[at].waiter, answer))
            } else {
                if kept < at { entries[kept] = entries[at] }
                kept += 1
            }
        }
        entries.removeLast(entries.count - kept)
        return answered
    }

    @inlinable mutating func takeOut(_ at: Int) -> Entry {
        guard at == begin else { return entries.remove(at: at) }
        let first = entries[at]
        begin += 1
        if begin == entries.count || (begin > 64 && begin > entries.count / 2) {
            entries.removeFirst(begin)
            begin = 0
        }
        return first
    }

    @inlinable package mutating func removeAll() -> [Waiter<Value>] {
        defer { self = Self() }
        return entries[begin...].map(\.waiter)
    }
}

extension Waiters where Wish == Void {
    @inlinable package mutating func append(_ waiter: Waiter<Value>) { append(waiter, wish: ()) }
}

private let lastNumber = Atomic<UInt64>(0)

@usableFromInline func nextNumber() -> UInt64 { lastNumber.add(1, ordering: .relaxed).newValue }

extension Mutex {
    /// Waits, and cannot be cancelled.
    ///
    /// - Parameter enter: called once, in the lock: gives what is there already, or puts the waiter into a list and gives nil.
    @inlinable package func wait<Wanted: Sendable>(_ enter: (inout sending Value, Waiter<Wanted>) -> Wanted?) async -> Wanted {
        let number = nextNumber()
        let wanted = await withCheckedContinuation { (continuation: CheckedContinuation<Wanted?, Never>) in
            let waiter = Waiter(number: number, continuation: continuation)
            if let wanted = withLock({ enter(&$0, waiter) }) { waiter.resume(returning: wanted) }
        }
        guard let wanted else { preconditionFailure("Cancelled, without a way to be") }
        return wanted
    }

    /// Waits until it is resumed or its task is cancelled.
    ///
    /// - Parameters:
    ///   - enter: called once, in the lock: gives what is there already, or puts the waiter into a list and gives nil.
    ///   - leave: called in the lock when the task is cancelled: takes the waiter of that number out of its list. Nil where it is
    ///     not there.
    @inlinable package func wait<Wanted: Sendable>(
        _ enter: (inout sending Value, Waiter<Wanted>) -> Wanted?,
        leave: @Sendable (inout sending Value, UInt64) -> Waiter<Wanted>?
    ) async throws(CancellationError) -> Wanted {
        let number = nextNumber()
        let wanted = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Wanted?, Never>) in
                let waiter = Waiter(number: number, continuation: continuation)
                if let wanted = withLock({ enter(&$0, waiter) }) { return waiter.resume(returning: wanted) }
                // The handler may have run before there was a waiter to take out; the task was marked as cancelled before that.
                if Task.isCancelled { withLock { leave(&$0, number) }?.continuation.resume(returning: nil) }
            }
        } onCancel: {
            withLock { leave(&$0, number) }?.continuation.resume(returning: nil)
        }
        guard let wanted else { throw CancellationError() }
        return wanted
    }
}
