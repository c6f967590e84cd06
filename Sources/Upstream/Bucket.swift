/// A token bucket, as pure arithmetic: `rate` a second, and a second's worth at once. Time comes in.
///
/// It lends: who takes more than there is goes into debt and is told how long to wait, so that one large piece passes a small
/// bucket and those behind it pay for their own.
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

    /// How long to wait before going on, having taken `count`.
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
