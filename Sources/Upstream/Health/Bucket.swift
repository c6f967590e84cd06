/// A token bucket, as pure arithmetic: `rate` tokens a second, and a burst of one second's worth. Time comes in as a parameter.
///
/// It lends: a `take` beyond the level goes into debt and returns the wait. So a piece larger than the bucket passes, and later
/// callers wait until its debt is paid too.
package struct Bucket: Sendable, Equatable {
    package typealias Instant = ContinuousClock.Instant

    package let rate: Double
    private let burst: Double
    private var level: Double
    private var at: Instant

    /// - Parameter rate: above zero.
    package init(rate: Double, at now: Instant) {
        self.rate = max(rate, 0.001)
        burst = max(self.rate, 1)
        level = burst
        at = now
    }

    /// Takes `count` tokens. Returns how long the caller must wait before it goes on.
    package mutating func take(_ count: Double, at now: Instant) -> Duration {
        refill(now)
        level -= count
        return debt
    }

    /// What `take` would say, without taking.
    package mutating func wait(for count: Double, at now: Instant) -> Duration {
        refill(now)
        return level >= count ? .zero : .seconds((count - level) / rate)
    }

    private mutating func refill(_ now: Instant) {
        let passed = max(.zero, at.duration(to: now))
        let seconds = Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
        level = min(burst, level + seconds * rate)
        at = now
    }

    private var debt: Duration { level >= 0 ? .zero : .seconds(-level / rate) }
}
