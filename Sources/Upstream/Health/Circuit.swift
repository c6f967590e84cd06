/// The circuit breaker of one server, as a pure state machine. Time comes in as a parameter; nothing is measured here.
///
/// One slow failure (a time-out), or several quick ones in a row, open the circuit: further requests fail at once instead of
/// waiting in vain. After `firstWait` one probe is sent. When it succeeds, requests pass on trial; the next failure opens the
/// circuit for twice as long, up to `longestWait`.
package struct Circuit: Sendable, Equatable {
    package typealias Instant = ContinuousClock.Instant

    package struct Rules: Sendable, Equatable {
        /// A failure that took this long opens the circuit by itself.
        package var slow: Duration
        /// Quick failures in a row that open it.
        package var tolerated: Int
        package var firstWait: Duration
        package var longestWait: Duration

        package init(
            slow: Duration = .seconds(1), tolerated: Int = 5, firstWait: Duration = .seconds(2),
            longestWait: Duration = .seconds(10)
        ) {
            self.slow = slow
            self.tolerated = tolerated
            self.firstWait = firstWait
            self.longestWait = longestWait
        }
    }

    package enum State: Sendable, Equatable {
        /// Requests pass. The last `failures` requests have failed.
        case closed(failures: Int)
        case open(until: Instant, wait: Duration)
        /// A probe is on its way.
        case probing(wait: Duration)
        /// A probe succeeded. Requests pass; one failure opens the circuit again.
        case trial(wait: Duration)
    }

    package enum Admission: Sendable, Equatable {
        case pass
        /// The caller must start a probe, and may wait for it.
        case probe
        /// Another caller's probe is under way.
        case wait
        case refuse(for: Duration)
    }

    package private(set) var state: State = .closed(failures: 0)
    private let rules: Rules

    package init(_ rules: Rules = Rules()) { self.rules = rules }

    package mutating func admit(at now: Instant) -> Admission {
        switch state {
        case .closed, .trial: return .pass
        case .probing: return .wait
        case .open(let until, let wait):
            if now < until { return .refuse(for: now.duration(to: until)) }
            state = .probing(wait: wait)
            return .probe
        }
    }

    /// A request was answered.
    package mutating func succeeded() { state = .closed(failures: 0) }

    /// A request failed after `cost`.
    package mutating func failed(after cost: Duration, at now: Instant) {
        switch state {
        case .closed(let failures):
            if cost >= rules.slow || failures + 1 >= rules.tolerated {
                open(for: rules.firstWait, at: now)
            } else {
                state = .closed(failures: failures + 1)
            }
        case .trial(let wait): open(for: min(wait * 2, rules.longestWait), at: now)
        // The request was sent before the circuit opened: it tells nothing new.
        case .open, .probing: break
        }
    }

    package mutating func probed(alive: Bool, at now: Instant) {
        guard case .probing(let wait) = state else { return }
        if alive { state = .trial(wait: wait) } else { open(for: min(wait * 2, rules.longestWait), at: now) }
    }

    private mutating func open(for wait: Duration, at now: Instant) { state = .open(until: now + wait, wait: wait) }
}
