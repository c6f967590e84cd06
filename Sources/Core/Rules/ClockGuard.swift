/// Compares the wall clock with a steady clock, and decides which of the two counts for what has a date.
///
/// A wall clock can jump: a dead battery, a restored snapshot, a wrong time server. `trusted` then continues from the last good
/// time at the steady clock's pace. While the two differ by more than an hour, nothing that has a date is destroyed before both
/// have reached that date. Stamps get the later of the two, so that they do not look old once the clock is right again. The wall
/// clock is trusted again after the difference has been constant for a day of uptime, or when an operator accepts it.
package struct ClockGuard: Sendable, Equatable {
    /// Smaller steps are normal: a time server corrects a clock that drifts.
    package static let tolerance = Duration.seconds(3_600)
    /// How long a difference must stay constant before the wall clock is trusted again.
    package static let patience = Duration.seconds(86_400)
    /// The longest absence that is believed after a reboot. Without a reboot the steady clock tells the time that has passed.
    package static let longestAway = Duration.seconds(86_400)
    /// A difference that changes by more restarts `patience`. In microseconds.
    private static let noise: Int64 = 60_000_000

    package enum State: Sendable, Equatable {
        case steady
        /// The wall clock is this far ahead of `trusted`.
        case ahead(Duration)
        /// The wall clock is this far behind `trusted`.
        case behind(Duration)
    }

    /// Where the two clocks stood, kept across restarts of the program.
    package struct Record: Sendable, Equatable {
        package let trusted: Timestamp
        package let uptime: Duration
        /// Identifies the machine's boot, to which `uptime` belongs.
        package let boot: String
        /// True if stamps in the future may have been written since the clock was last steady.
        package let wasAhead: Bool

        package init(trusted: Timestamp, uptime: Duration, boot: String, wasAhead: Bool) {
            self.trusted = trusted
            self.uptime = uptime
            self.boot = boot
            self.wasAhead = wasAhead
        }
    }

    package struct Reading: Sendable, Equatable {
        package let wall: Timestamp
        package let trusted: Timestamp
        package let state: State

        /// For stamps.
        package var now: Timestamp { state == .steady ? wall : max(wall, trusted) }
        /// For deciding whether a date of destruction has come.
        package var due: Timestamp { state == .steady ? wall : min(wall, trusted) }
    }

    /// The wall clock's time at uptime zero: `origin` as trusted, `seen` as the wall clock shows it now. In microseconds.
    private var origin: Int64
    private var seen: Int64
    /// The uptime since which `seen` has been constant. In microseconds.
    private var seenSince: Int64

    /// - Parameter last: the record of an earlier run; nil for the first one.
    package init(wall: Timestamp, uptime: Duration, boot: String, last: Record?) {
        let (wall, uptime) = (Self.bounded(wall), uptime.microseconds)
        seen = wall - uptime
        seenSince = uptime
        guard let last else {
            origin = seen
            return
        }
        let trusted = Self.bounded(last.trusted)
        if last.boot == boot, last.uptime.microseconds <= uptime {
            origin = trusted - last.uptime.microseconds
        } else {
            // Nothing tells how long the machine was off: up to `longestAway` is believed.
            let away = wall - trusted
            let isLikely = away >= -Self.tolerance.microseconds && away <= Self.longestAway.microseconds
            origin = isLikely ? seen : trusted - uptime
        }
    }

    /// The clocks' state now. A jump is dated to the call that sees it, so call this regularly.
    package mutating func observe(wall: Timestamp, uptime: Duration) -> Reading {
        let (wall, uptime) = (Self.bounded(wall), uptime.microseconds)
        let offset = wall - uptime
        if abs(offset - seen) > Self.noise {
            seen = offset
            seenSince = uptime
        } else if uptime - seenSince >= Self.patience.microseconds {
            origin = offset
        }
        let difference = offset - origin
        var state = State.steady
        if difference > Self.tolerance.microseconds { state = .ahead(.microseconds(difference)) }
        if difference < -Self.tolerance.microseconds { state = .behind(.microseconds(-difference)) }
        return Reading(wall: Timestamp(microseconds: wall), trusted: Timestamp(microseconds: origin + uptime), state: state)
    }

    /// An operator's confirmation that the wall clock is right.
    package mutating func accept(wall: Timestamp, uptime: Duration) {
        origin = Self.bounded(wall) - uptime.microseconds
        seen = origin
        seenSince = uptime.microseconds
    }

    /// How long until the wall clock is trusted again, if the difference stays constant.
    package func patienceLeft(uptime: Duration) -> Duration {
        max(.zero, Self.patience - (uptime - .microseconds(seenSince)))
    }

    /// A clock may show anything; sums and differences of bounded moments cannot overflow.
    private static func bounded(_ moment: Timestamp) -> Int64 { min(max(moment.microseconds, -(1 << 60)), 1 << 60) }
}
