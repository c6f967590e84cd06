import Synchronization

/// What each body that is being sent may hold in memory: an equal part of 96 MiB, and 160 KiB (two parts of 64 KiB and the bytes
/// that wait for the socket) where there are so many that their part would be less.
///
/// A body holds one part that is being written, the part that follows it, and what waits for the socket.
package struct SendBufferBudget: Equatable {
    /// Bytes that are read, opened and written at once. A larger part saves hops, up to 512 KiB. A power of two, so that all
    /// readers of one blob ask for the same parts.
    package let part: Int
    /// Bytes that may wait for the socket before the body waits too.
    package let highWaterMark: Int

    /// Bytes of a body that are read before its response begins. It is little, since it delays the client's first byte.
    package static let firstPart = 64 << 10

    private static let total = 96 << 20
    private static let parts = (least: 64 << 10, most: 512 << 10)

    static var current: SendBufferBudget { SendBufferBudget(among: bodies.load(ordering: .relaxed)) }

    /// - Parameter count: bodies that are being sent.
    package init(among count: Int) {
        let share = Self.total / max(1, count)
        var part = Self.parts.most
        while part > Self.parts.least, 2 * part + part / 2 > share { part /= 2 }
        self.part = part
        // One of two steps: a mark that moved with each client that comes or goes would cost a channel option each time.
        highWaterMark = share > 5 * Self.parts.most ? 3 * part : part / 2
    }

    /// The most bytes that one body holds.
    package var most: Int { 2 * part + highWaterMark }

    /// The bodies that are being sent now, in the whole program.
    static let bodies = Atomic(0)
}
