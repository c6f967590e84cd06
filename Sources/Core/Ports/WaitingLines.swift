/// A bounded queue of lines for a writer that may be slow, oldest first. A line that does not fit is dropped and counted. Queued
/// lines stay, so that the beginning of a flood can be read.
package struct WaitingLines: Sendable {
    /// What a writer takes at once.
    package struct Batch: Sendable, Equatable {
        package let lines: [String]
        /// How many lines were dropped since the last batch.
        package let dropped: Int
    }

    /// Bytes that a queued line costs beside its text.
    private static let lineCost = 64

    private let capacity: Int
    private var lines: [String] = []
    private var size = 0
    private var dropped = 0

    /// - Parameter capacity: in bytes, including the fixed cost of each line.
    package init(capacity: Int) { self.capacity = capacity }

    /// True if the line was queued.
    package mutating func put(_ line: String) -> Bool {
        let cost = line.utf8.count + Self.lineCost
        // After one dropped line, every line is dropped until the writer has taken the batch, even one that would fit: the queued
        // lines then have no gap in the middle, and the writer can report the gap at their end.
        guard dropped == 0, cost <= capacity - size else {
            dropped &+= 1
            return false
        }
        lines.append(line)
        size += cost
        return true
    }

    /// Removes and returns everything that waits; nil if there is nothing to report.
    package mutating func take() -> Batch? {
        guard !lines.isEmpty || dropped > 0 else { return nil }
        defer { (lines, size, dropped) = ([], 0, 0) }
        return Batch(lines: lines, dropped: dropped)
    }
}
