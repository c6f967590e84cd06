import Dispatch
import Glibc
import Synchronization
import WeirCore

/// Carries lines to a writer that may be slow, or stuck for ever: a disk, a pipe that nobody reads, a log driver that has
/// stopped.
///
/// Putting a line in takes a lock and no system call: it never waits for the writer. The writer has a queue of its own and gets
/// what has gathered since it last looked, many lines at once.
final class LineQueue: Sendable {
    private struct State {
        var waiting: WaitingLines
        var isWriting = false
    }

    private let state: Mutex<State>
    private let queue: DispatchQueue
    private let write: @Sendable (WaitingLines.Batch) -> Void

    /// - Parameter write: called on one thread at a time, never within a lock. It may block.
    init(_ name: String, capacity: Int, write: @escaping @Sendable (WaitingLines.Batch) -> Void) {
        state = Mutex(State(waiting: WaitingLines(capacity: capacity)))
        queue = DispatchQueue(label: "weir.lines.\(name)")
        self.write = write
    }

    /// False where the line was dropped: the writer is told how many were.
    @discardableResult
    func put(_ line: String) -> Bool {
        let (isKept, mustStart) = state.withLock { state in
            let isKept = state.waiting.put(line)
            defer { state.isWriting = true }
            return (isKept, !state.isWriting)
        }
        if mustStart { queue.async { [self] in writeAll() } }
        return isKept
    }

    /// Returns when everything put in so far has been given to the writer and it is done, or when `patience` is over: who reads a
    /// pipe may never read again, and a stop must not wait for that.
    func drain(within patience: DispatchTimeInterval = .seconds(2)) async {
        let isOver = Atomic(false)
        let first: @Sendable () -> Bool = { !isOver.exchange(true, ordering: .relaxed) }
        await withCheckedContinuation { done in
            queue.async { [self] in
                writeAll()
                if first() { done.resume() }
            }
            DispatchQueue.global().asyncAfter(deadline: .now() + patience) { if first() { done.resume() } }
        }
    }

    private func writeAll() {
        while true {
            let batch = state.withLock { state in
                let batch = state.waiting.take()
                state.isWriting = batch != nil
                return batch
            }
            guard let batch else { return }
            write(batch)
        }
    }
}

/// Writing to descriptors, whole or not at all.
enum Descriptor {
    /// Writes it all, waiting as long as it takes. 0, or the `errno` that stopped it.
    static func write(_ text: String, to descriptor: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if count < 0, errno == EAGAIN {
                    // Whoever gave it to us, or shares it, has made it non-blocking.
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&waiting, 1, 1_000)
                } else if count == 0 || errno != EINTR {
                    return count == 0 ? EIO : errno
                }
            }
            return 0
        }
    }
}
