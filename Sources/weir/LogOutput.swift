import Foundation
import Logging
import Metrics
import Synchronization
import WeirCore

/// Where log lines go: standard error, by way of a queue. Logging never waits for whoever reads it.
final class LogOutput: Sendable {
    /// The program's log.
    static let standardError = LogOutput(STDERR_FILENO, "log")
    /// The greeting.
    static let standardOutput = LogOutput(STDOUT_FILENO, "greeting")

    /// What may wait while nobody reads.
    private static let capacity = 4 << 20

    private let writer: LogWriter
    private let queue: LineQueue

    init(_ descriptor: Int32, _ name: String) {
        let writer = LogWriter(descriptor)
        self.writer = writer
        queue = LineQueue(name, capacity: Self.capacity) { writer.write($0) }
    }

    /// Counts what is dropped, in `weir_dropped_lines_total`: from when the metrics are there.
    func count(in counter: Counter) { writer.dropped.withLock { $0 = counter } }

    /// - Parameter line: what stands in the log where lines are missing, with its end.
    func tellOfGaps(by line: @escaping @Sendable (Int) -> String) { writer.gapLine.withLock { $0 = line } }

    /// - Parameter line: with its end.
    func put(_ line: String) {
        if !queue.put(line) { writer.dropped.withLock { $0 }?.increment() }
    }

    /// Writes what still waits, for as long as somebody takes it: at the end of the program.
    func drain() async { await queue.drain() }
}

private final class LogWriter: Sendable {
    private let descriptor: Int32
    let dropped = Mutex<Counter?>(nil)
    let gapLine = Mutex<(@Sendable (Int) -> String)?>(nil)

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func write(_ batch: WaitingLines.Batch) {
        var text = batch.lines.joined()
        // Lines that found no room came after those that did.
        if batch.dropped > 0, let gap = gapLine.withLock({ $0 }) { text += gap(batch.dropped) }
        // A log that cannot be written, since its disk is full or its reader gone, must not end the server; there is nowhere to
        // say so.
        if Descriptor.write(text, to: descriptor) != 0 { dropped.withLock { $0 }?.increment(by: batch.lines.count) }
    }
}

/// What an event's line says beside the message.
enum LogFacts {
    static let timeFormat = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// Numbers are `stringConvertible`s of numbers; all else is text.
    typealias Fact = (key: String, value: Logger.MetadataValue)

    /// In the order of their names; what is said last of a name counts.
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
