package import WeirCore

/// The clocks of the machine, as the program gives them.
package struct MachineClocks: Sendable {
    /// What the wall clock shows.
    package let wall: @Sendable () -> Timestamp
    /// Since the machine was started, time asleep counted. It never goes back, and nobody sets it.
    package let uptime: @Sendable () -> Duration
    /// Names the machine's run; another one each time that it is started.
    package let boot: String

    package init(wall: @escaping @Sendable () -> Timestamp, uptime: @escaping @Sendable () -> Duration, boot: String) {
        self.wall = wall
        self.uptime = uptime
        self.boot = boot
    }
}
