/// A moment: microseconds since 1970, UTC. Stored as an integer, sent to AWS clients as seconds with a fraction.
///
/// Moments beyond 64 bits, 292,000 years from 1970, saturate.
package struct Timestamp: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }
    package init(seconds: Int64) { microseconds = seconds.multiplied(by: 1_000_000) }

    package var seconds: Double { Double(microseconds) / 1_000_000 }
    /// Seconds to the millisecond: AWS's JSON timestamps carry no more.
    package var secondsToTheMillisecond: Double { Double(microseconds / 1_000) / 1_000 }

    package static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }
    package static func + (left: Self, right: Duration) -> Self {
        Self(microseconds: left.microseconds.adding(right.microseconds))
    }
    package static func - (left: Self, right: Self) -> Duration {
        .microseconds(left.microseconds.subtracting(right.microseconds))
    }

    package var description: String { "\(microseconds)µs" }
}

extension Duration {
    package var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds.multiplied(by: 1_000_000).adding(attoseconds / 1_000_000_000_000)
    }
}

/// Where services get the time: the program passes the machine's clock, tests pass their own.
package struct WallClock: Sendable {
    private let source: Source

    /// - Parameter due: the value of `due`; nil for `read`, when the clock is not in doubt.
    package init(_ read: @escaping @Sendable () -> Timestamp, due: (@Sendable () -> Timestamp)? = nil) {
        source = Source(read: read, readDue: due ?? read)
    }

    /// For stamps, display and comparison.
    package var now: Timestamp { source.read() }

    /// For deciding whether a date has come on which something is destroyed, expires or is given up. After the clock has jumped
    /// it is the earlier of what the clock shows and what it should show (`ClockGuard`), so that a wrong clock destroys nothing.
    package var due: Timestamp { source.readDue() }

    /// One reference to both closures: nearly every type holds a clock, and each copy of a closure costs a reference count.
    private final class Source: Sendable {
        let read: @Sendable () -> Timestamp
        let readDue: @Sendable () -> Timestamp

        init(read: @escaping @Sendable () -> Timestamp, readDue: @escaping @Sendable () -> Timestamp) {
            self.read = read
            self.readDue = readDue
        }
    }
}
