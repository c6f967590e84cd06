/// A moment: microseconds since 1970, UTC. Kept as an integer, sent to AWS clients as seconds with a fraction.
///
/// What lies beyond what 64 bits can count, 292,000 years from here, is the last moment that they can.
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

/// Where services get the time from: the program gives the machine's clock, tests their own.
package struct WallClock: Sendable {
    private let source: Source

    /// - Parameter due: the moment up to which dates count as come; `read`'s where there is no doubt about the clock.
    package init(_ read: @escaping @Sendable () -> Timestamp, due: (@Sendable () -> Timestamp)? = nil) {
        source = Source(read: read, readDue: due ?? read)
    }

    /// For what is stamped, shown and compared.
    package var now: Timestamp { source.read() }

    /// For what is destroyed, expired or given up when its date has come. After the clock has jumped it is the earlier of what
    /// the clock shows and what it should show (`ClockGuard`): so a wrong clock destroys nothing.
    package var due: Timestamp { source.readDue() }

    /// One reference to both closures: nearly every type holds a clock, and each copy of one is counted.
    private final class Source: Sendable {
        let read: @Sendable () -> Timestamp
        let readDue: @Sendable () -> Timestamp

        init(read: @escaping @Sendable () -> Timestamp, readDue: @escaping @Sendable () -> Timestamp) {
            self.read = read
            self.readDue = readDue
        }
    }
}
