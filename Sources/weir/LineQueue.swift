import Dispatch
import Glibc
import Synchronization
import WeirCore

/// Carries lines to a writer that may be slow or stuck: a disk, a pipe without a reader, a stopped log driver.
///
/// `put` takes a lock and makes no system call: it never waits for the writer. The writer runs on its own dispatch queue and gets
/// all lines that have gathered at once.
final class LineQueue: Sendable {
    private struct State {
        var waiting: WaitingLines
        var isWriting = false
    }

    private let state: Mutex<State>
    private let queue: DispatchQueue
    private let write: @Sendable (WaitingLines.Batch) -> Void

    /// - Parameter write: called on one thread at a time, never inside a lock. It may block.
    init(_ name: String, capacity: Int, write: @escaping @Sendable (WaitingLines.Batch) -> Void) {
        state = Mutex(State(waiting: WaitingLines(capacity: capacity)))
        queue = DispatchQueue(label: "weir.lines.\(name)")
        self.write = write
    }

    /// False if the line was dropped. The writer is told the number of dropped lines.
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

    /// Returns once every line put in so far has been passed to the writer and written, or after `patience`: a pipe's reader may
    /// be stuck, and a stop must not wait for it.
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

/// Writes whole texts to descriptors.
enum Descriptor {
    /// Writes everything, however long it takes. Returns 0, or the `errno` of the failure.
    static func write(_ text: String, to descriptor: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if count < 0, errno == EAGAIN {
                    // The process that passed or shares this descriptor has made it non-blocking.
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
