import WeirCore

/// When a broken transfer goes on: after a pause that grows and is spread at random, and a limited number of times.
package struct RetryPolicy: Sendable {
    /// Breaks in a row, without a byte in between, at which the transfer is given up.
    package var attempts = 6
    /// Breaks in all.
    package var breaks = 100
    package var firstPause: Duration = .milliseconds(100)
    package var longestPause: Duration = .seconds(5)
    /// A longer `Retry-After` than this is not waited for.
    package var patience: Duration = .seconds(30)

    package init() {}

    /// Goes on at once. For tests.
    package static var immediate: RetryPolicy {
        var policy = RetryPolicy()
        policy.firstPause = .zero
        return policy
    }

    /// Before clients have been promised anything, an early failure serves them better.
    fileprivate static let attemptsBeforeAnswer = 3
}

/// The retries of one transfer: a pure state machine.
package struct RetryBudget {
    private let policy: RetryPolicy
    private var inRow = 0
    private var breaks = 0
    private var position: Int64 = -1

    package init(_ policy: RetryPolicy) { self.policy = policy }

    /// How long to wait before asking upstream again; nil where the transfer is to be given up.
    ///
    /// - Parameters:
    ///   - position: how far the transfer has come.
    ///   - isAnswered: upstream has begun to send, so that clients may be reading.
    ///   - chance: 0 ..< 1, drawn anew each time.
    package mutating func pause(
        after error: any Error, at position: Int64, isAnswered: Bool, chance: Double
    ) -> Duration? {
        guard let error = error as? UpstreamError, isPassing(error, isAnswered) else { return nil }
        inRow = position > self.position ? 1 : inRow + 1
        self.position = position
        breaks += 1
        let attempts = isAnswered ? policy.attempts : RetryPolicy.attemptsBeforeAnswer
        guard inRow < attempts, breaks <= policy.breaks else { return nil }
        let pause = min(policy.firstPause * Double(1 << min(inRow - 1, 16)), policy.longestPause)
        // Half of the pause is fixed and half random: transfers that broke together do not come back together.
        let spread = pause * (0.5 + chance / 2)
        guard let asked = error.retryAfter else { return spread }
        return asked <= policy.patience ? max(spread, asked) : nil
    }

    /// Whether another try may succeed.
    private func isPassing(_ error: UpstreamError, _ isAnswered: Bool) -> Bool {
        switch error.kind {
        case .unavailable: isAnswered || error.wasAsked
        case .rateLimited: isAnswered
        case .denied, .notFound, .invalid, .guarded: false
        }
    }
}
