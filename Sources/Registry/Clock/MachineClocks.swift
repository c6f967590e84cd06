package import WeirCore

/// The clocks of the machine, as the program gives them.
package struct MachineClocks: Sendable {
    /// What the wall clock shows.
    package let wall: @Sendable () -> Timestamp
    /// Time since the machine started, asleep or not. It never goes back, and cannot be set.
    package let uptime: @Sendable () -> Duration
    /// Identifies the machine's run; each start of the machine has another one.
    package let boot: String

    package init(wall: @escaping @Sendable () -> Timestamp, uptime: @escaping @Sendable () -> Duration, boot: String) {
        self.wall = wall
        self.uptime = uptime
        self.boot = boot
    }
}
