/// Lines that wait for a writer who may be slow: bounded, oldest first. What does not fit is dropped and counted; what was kept
/// stays, so that the beginning of a flood can be read.
package struct WaitingLines: Sendable {
    /// What a writer takes at once.
    package struct Batch: Sendable, Equatable {
        package let lines: [String]
        /// Lines that came since the last batch and found no room.
        package let dropped: Int
    }

    /// What keeping a line costs beside its bytes.
    private static let lineCost = 64

    private let capacity: Int
    private var lines: [String] = []
    private var size = 0
    private var dropped = 0

    /// - Parameter capacity: bytes that may wait, each line counted with what keeping it costs.
    package init(capacity: Int) { self.capacity = capacity }

    /// True where the line was kept.
    package mutating func put(_ line: String) -> Bool {
        let cost = line.utf8.count + Self.lineCost
        // Not one that would fit: the lines that are kept are whole up to the gap, and what follows it comes after the writer has
        // been told.
        guard dropped == 0, cost <= capacity - size else {
            dropped &+= 1
            return false
        }
        lines.append(line)
        size += cost
        return true
    }

    /// Everything that waits, and makes room; nil where nothing does.
    package mutating func take() -> Batch? {
        guard !lines.isEmpty || dropped > 0 else { return nil }
        defer { (lines, size, dropped) = ([], 0, 0) }
        return Batch(lines: lines, dropped: dropped)
    }
}
