import Dispatch
import Foundation
import Glibc
import Logging
import Metrics
import Synchronization
import WeirCore

/// Appends lines to a file, or to standard output: events and audit records.
///
/// Lines wait in memory, bounded, and are written by a queue of their own, many at once. The file is opened anew for each
/// writing, so
/// that it may be renamed away at any time (logrotate). Only its owner may read it.
final class LineFile: LineSink {
    enum Place: Sendable, Equatable {
        case standardOutput
        case file(String)

        /// `-` is standard output.
        init(_ text: String) { self = text == "-" ? .standardOutput : .file(text) }
    }

    private struct State {
        var waiting: [String] = []
        var bytes = 0
        var isWriting = false
        var hasFailed = false
    }

    /// What may wait while the disk, or who reads the pipe, is slow.
    private static let capacity = 8 << 20

    private let place: Place
    private let state = Mutex(State())
    private let queue: DispatchQueue
    private let dropped: Counter
    private let logger: Logger
    private let name: String

    /// - Parameter name: what is written: `events`, `audit`.
    init(_ place: Place, name: String, logger: Logger) throws(StartProblem) {
        self.place = place
        self.name = name
        self.logger = logger
        queue = DispatchQueue(label: "weir.lines.\(name)")
        dropped = Counter(label: "weir_dropped_lines_total", dimensions: [("sink", name)])
        if case .file(let path) = place {
            let descriptor = Self.open(path)
            guard descriptor >= 0 else {
                throw StartProblem("the file '\(path)' for \(name) cannot be written: \(String(cString: strerror(errno)))")
            }
            Glibc.close(descriptor)
        }
    }

    func take(_ line: String) {
        let count = line.utf8.count + 1
        let (isTaken, mustStart) = state.withLock { state in
            guard state.bytes + count <= Self.capacity else { return (false, false) }
            state.waiting.append(line)
            state.bytes += count
            defer { state.isWriting = true }
            return (true, !state.isWriting)
        }
        if !isTaken { dropped.increment() }
        if mustStart { queue.async { [self] in writeAll() } }
    }

    /// Returns when everything taken so far is written.
    func drain() async {
        await withCheckedContinuation { done in
            queue.async { [self] in
                writeAll()
                done.resume()
            }
        }
    }

    private func writeAll() {
        while true {
            let lines = state.withLock { state in
                let lines = state.waiting
                state.waiting = []
                state.bytes = 0
                state.isWriting = !lines.isEmpty
                return lines
            }
            guard !lines.isEmpty else { return }
            let isWritten = write(lines.joined(separator: "\n") + "\n")
            if !isWritten { dropped.increment(by: lines.count) }
            tell(isWritten)
        }
    }

    private func write(_ text: String) -> Bool {
        let descriptor: Int32
        switch place {
        case .standardOutput: descriptor = STDOUT_FILENO
        case .file(let path): descriptor = Self.open(path)
        }
        guard descriptor >= 0 else { return false }
        defer { if descriptor != STDOUT_FILENO { Glibc.close(descriptor) } }
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    /// Says once that it fails, and once that it works again: a line for each line lost would not help a full disk.
    private func tell(_ isWritten: Bool) {
        let hasChanged = state.withLock { state in
            defer { state.hasFailed = !isWritten }
            return state.hasFailed == isWritten
        }
        guard hasChanged else { return }
        if isWritten {
            logger.notice("Lines are written again", metadata: ["sink": "\(name)"])
        } else {
            logger.error(
                "Lines cannot be written; they are dropped and counted",
                metadata: ["sink": "\(name)", "error": "\(String(cString: strerror(errno)))"])
        }
    }

    private static func open(_ path: String) -> Int32 {
        Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    }
}
