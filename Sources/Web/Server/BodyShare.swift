import Synchronization

/// What one of the bodies that are being sent may hold in memory.
///
/// Together they hold 96 MiB, however slow their clients are, until there are so many that each has only the least: two sealed
/// segments and a half. One part waits for the socket, on top of what may wait there, and the next one for its turn to be
/// written.
package struct BodyShare: Equatable {
    /// Read, opened and written at once: fewer hops than with less; more would only wait in memory. A power of two, so that
    /// readers of the same blob ask for the same parts.
    package let chunk: Int
    /// What may wait for the socket before the body waits too.
    package let mark: Int

    /// Read before the answer begins: little, because nobody has a first byte before.
    static let first = 64 << 10

    private static let total = 96 << 20
    private static let chunks = (least: 64 << 10, most: 512 << 10)

    static var current: BodyShare { BodyShare(among: bodies.load(ordering: .relaxed)) }

    package init(among count: Int) {
        let share = Self.total / max(1, count)
        var chunk = Self.chunks.most
        while chunk > Self.chunks.least, 2 * chunk + chunk / 2 > share { chunk /= 2 }
        self.chunk = chunk
        // Two steps: a mark that moved with each client that comes and goes would have to be set anew all the time.
        mark = share > 5 * Self.chunks.most ? 3 * chunk : chunk / 2
    }

    /// The most that one body holds.
    package var most: Int { 2 * chunk + mark }

    /// The bodies that are being sent now, in the whole program.
    static let bodies = Atomic(0)
}
