/// Compares the wall clock with one that only goes forward, and says by which of the two what has a date is dealt with.
///
/// A wall clock jumps: a dead battery, a restored snapshot, a wrong time server. What was right until then stays the measure:
/// `trusted` goes on from there at the pace of the steady clock. While the two differ by more than an hour, nothing that has a
/// date is destroyed before both say that its time has come, and what is stamped gets the later of the two, so that it is not
/// taken for old when the clock is right again. A difference that stays the same for a day of uptime, or somebody's word, makes
/// the wall clock the measure again.
package struct ClockGuard: Sendable, Equatable {
    /// Smaller steps are everyday life: a time server corrects a clock that was never quite right.
    package static let tolerance = Duration.seconds(3_600)
    /// How long a difference must stay as it is.
    package static let patience = Duration.seconds(86_400)
    /// How long a machine that was started anew may have been away. Where it was not, the steady clock tells.
    package static let longestAway = Duration.seconds(86_400)
    /// A difference that changes by more begins its day anew. In microseconds.
    private static let noise: Int64 = 60_000_000

    package enum State: Sendable, Equatable {
        case steady
        /// The wall clock shows so much more than it should.
        case ahead(Duration)
        /// It shows so much less.
        case behind(Duration)
    }

    /// What outlives the program: where the two clocks stood.
    package struct Record: Sendable, Equatable {
        package let trusted: Timestamp
        package let uptime: Duration
        /// Names the machine's run to which `uptime` belongs.
        package let boot: String
        /// Stamps of the future may have been written since the clock was last steady.
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

        /// For what is stamped.
        package var now: Timestamp { state == .steady ? wall : max(wall, trusted) }
        /// For what is destroyed when its time has come.
        package var due: Timestamp { state == .steady ? wall : min(wall, trusted) }
    }

    /// What the wall clock showed when the steady one stood at zero: as it is believed, and as it looks now. In microseconds.
    private var origin: Int64
    private var seen: Int64
    /// Since when it looks so, by the steady clock.
    private var seenSince: Int64

    /// - Parameter last: what an earlier run left; nil for the first one.
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
            // Nobody knows how long the machine was away: a while is believed.
            let away = wall - trusted
            let isLikely = away >= -Self.tolerance.microseconds && away <= Self.longestAway.microseconds
            origin = isLikely ? seen : trusted - uptime
        }
    }

    /// Where things stand at a moment. A jump counts from the moment in which it is seen, so it is to be called now and then.
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

    /// Somebody's word that the wall clock is right.
    package mutating func accept(wall: Timestamp, uptime: Duration) {
        origin = Self.bounded(wall) - uptime.microseconds
        seen = origin
        seenSince = uptime.microseconds
    }

    /// How long until a difference is believed, where nothing changes.
    package func patienceLeft(uptime: Duration) -> Duration {
        max(.zero, Self.patience - (uptime - .microseconds(seenSince)))
    }

    /// A clock may show anything; sums and differences of these cannot overflow.
    private static func bounded(_ moment: Timestamp) -> Int64 { min(max(moment.microseconds, -(1 << 60)), 1 << 60) }
}
