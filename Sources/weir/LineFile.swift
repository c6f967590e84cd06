import Foundation
import Glibc
import Logging
import Metrics
import Synchronization
import WeirCore
import WeirSettings

/// Appends lines to a file or to standard output: events and audit records.
///
/// Lines wait in memory, bounded, for a writer queue that writes many at once. The file is opened again for each batch, so that
/// it may be renamed at any time (logrotate). Only its owner may read it.
final class LineFile: LineSink {
    enum Output: Sendable, Equatable {
        case standardOutput
        case file(String)

        /// `-` is standard output.
        init(_ text: String) { self = text == "-" ? .standardOutput : .file(text) }
    }

    /// Bytes that may wait while the disk, or the pipe's reader, is slow.
    private static let capacity = 8 << 20

    private let queue: LineQueue
    private let dropped: Counter

    /// - Parameter name: the kind of lines: `events`, `audit`.
    init(_ output: Output, name: String, logger: Logger) throws(StartProblem) {
        if case .file(let path) = output {
            let descriptor = LineWriter.open(path)
            guard descriptor >= 0 else {
                throw StartProblem("the file '\(path)' for \(name) cannot be written: \(String(cString: strerror(errno)))")
            }
            Glibc.close(descriptor)
        }
        let dropped = Counter(label: "weir_dropped_lines_total", dimensions: [("sink", name)])
        let writer = LineWriter(output, name, dropped, logger)
        self.dropped = dropped
        queue = LineQueue(name, capacity: Self.capacity) { writer.write($0) }
    }

    func take(_ line: String) {
        if !queue.put(line) { dropped.increment() }
    }

    /// Returns once all lines taken so far are written or lost, after 2 seconds at most.
    func drain() async { await queue.drain() }
}

private final class LineWriter: Sendable {
    private let output: LineFile.Output
    private let name: String
    private let dropped: Counter
    private let logger: Logger
    private let hasFailed = Atomic(false)

    init(_ output: LineFile.Output, _ name: String, _ dropped: Counter, _ logger: Logger) {
        self.output = output
        self.name = name
        self.dropped = dropped
        self.logger = logger
    }

    func write(_ batch: WaitingLines.Batch) {
        if batch.dropped > 0 {
            logger.error(
                "Lines were dropped: they came faster than they could be written",
                metadata: ["sink": "\(name)", "lines": .stringConvertible(batch.dropped)])
        }
        guard !batch.lines.isEmpty else { return }
        let problem = write(batch.lines.joined(separator: "\n") + "\n")
        if problem != 0 { dropped.increment(by: batch.lines.count) }
        tell(problem)
    }

    /// Returns 0, or the `errno` of the failure.
    private func write(_ text: String) -> Int32 {
        switch output {
        case .standardOutput: return Descriptor.write(text, to: STDOUT_FILENO)
        case .file(let path):
            let descriptor = Self.open(path)
            guard descriptor >= 0 else { return errno }
            defer { Glibc.close(descriptor) }
            return Descriptor.write(text, to: descriptor)
        }
    }

    /// Logs once that writing fails, and once that it works again: a log line per lost line would not help a full disk.
    private func tell(_ problem: Int32) {
        guard hasFailed.exchange(problem != 0, ordering: .relaxed) != (problem != 0) else { return }
        if problem == 0 {
            logger.notice("Lines are written again", metadata: ["sink": "\(name)"])
        } else {
            logger.error(
                "Lines cannot be written; they are dropped and counted",
                metadata: ["sink": "\(name)", "error": "\(String(cString: strerror(problem)))"])
        }
    }

    static func open(_ path: String) -> Int32 {
        Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    }
}
