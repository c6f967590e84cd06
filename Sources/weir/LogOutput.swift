import Foundation
import Logging
import Metrics
import Synchronization
import WeirCore

/// Writes log lines to a descriptor through a queue. Logging never waits for the reader.
final class LogOutput: Sendable {
    /// The program's log.
    static let standardError = LogOutput(STDERR_FILENO, "log")
    /// The greeting.
    static let standardOutput = LogOutput(STDOUT_FILENO, "greeting")

    /// Bytes that may wait while no reader takes them.
    private static let capacity = 4 << 20

    private let writer: LogWriter
    private let queue: LineQueue

    init(_ descriptor: Int32, _ name: String) {
        let writer = LogWriter(descriptor)
        self.writer = writer
        queue = LineQueue(name, capacity: Self.capacity) { writer.write($0) }
    }

    /// Counts dropped lines in `weir_dropped_lines_total`. Call it once the metrics exist.
    func count(in counter: Counter) { writer.dropped.withLock { $0 = counter } }

    /// - Parameter line: makes the line that reports this many missing lines, with its line break.
    func tellOfGaps(by line: @escaping @Sendable (Int) -> String) { writer.gapLine.withLock { $0 = line } }

    /// - Parameter line: with its line break.
    func put(_ line: String) {
        if !queue.put(line) { writer.dropped.withLock { $0 }?.increment() }
    }

    /// Writes what still waits, for 2 seconds at most. Call it at the end of the program.
    func drain() async { await queue.drain() }
}

private final class LogWriter: Sendable {
    private let descriptor: Int32
    let dropped = Mutex<Counter?>(nil)
    let gapLine = Mutex<(@Sendable (Int) -> String)?>(nil)

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func write(_ batch: WaitingLines.Batch) {
        var text = batch.lines.joined()
        // Dropped lines came after those that were kept.
        if batch.dropped > 0, let gap = gapLine.withLock({ $0 }) { text += gap(batch.dropped) }
        // A log that cannot be written, because its disk is full or its reader is gone, must not end the server. There is no
        // other place to report it.
        if Descriptor.write(text, to: descriptor) != 0 { dropped.withLock { $0 }?.increment(by: batch.lines.count) }
    }
}

/// The metadata of a log line.
enum LogFacts {
    static let timeFormat = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// Numbers are `stringConvertible` values of numbers; everything else is text.
    typealias Fact = (key: String, value: Logger.MetadataValue)

    /// Sorted by name; of equal names the last value counts.
    static func of(
        _ event: LogEvent, _ metadata: Logger.Metadata, _ provider: Logger.MetadataProvider?
    ) -> [Fact] {
        var facts = metadata
        if let provided = provider?.get() { facts.merge(provided) { _, new in new } }
        if let given = event.metadata { facts.merge(given) { _, new in new } }
        if let error = event.error { facts["error"] = "\(error)" }
        return facts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
