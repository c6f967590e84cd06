package import NIOCore

/// A token bucket whose tokens are nanoseconds of the event loops: what one client may use of them while layers go to others.
/// Pure: the time is a parameter.
///
/// A request's cost is known when it has ended. It is charged what this client's requests usually cost, and the rest at its end.
package struct LoopTimeBucket {
    package struct Rules: Sendable {
        /// Event loops of the server. A client gets a sixth of each.
        package let loops: Int64
        /// What a client that has asked for nothing lately may use at once.
        package var burst: TimeAmount = .milliseconds(200)
        /// A client never owes more: one document that took a second does not shut its client out for long.
        package var mostOwed: TimeAmount = .milliseconds(500)

        package init(loops: Int) { self.loops = Int64(min(1024, max(1, loops))) }

        private static let share: Int64 = 6

        /// What so much of time brings.
        fileprivate func earned(in nanoseconds: Int64) -> Int64 { nanoseconds * loops / Self.share }
        /// How long it takes to earn so much.
        fileprivate func time(toEarn nanoseconds: Int64) -> Int64 { nanoseconds * Self.share / loops + 1 }
    }

    private let rules: Rules
    private var balance: Int64
    private var last: NIODeadline
    /// Nanoseconds; 0.1 ms until a request has been seen.
    private var usual: Int64 = 100_000

    package init(_ rules: Rules, at now: NIODeadline) {
        self.rules = rules
        balance = rules.burst.nanoseconds
        last = now
    }

    /// What one of this client's requests has cost of late.
    package var usualCost: TimeAmount { .nanoseconds(usual) }

    /// Zero where something may begin now.
    package mutating func wait(at now: NIODeadline) -> TimeAmount {
        refill(to: now)
        return balance >= 0 ? .zero : .nanoseconds(rules.time(toEarn: -balance))
    }

    /// - Parameter cost: below zero for what was charged and not used.
    package mutating func charge(_ cost: TimeAmount, at now: NIODeadline) {
        refill(to: now)
        balance = min(rules.burst.nanoseconds, max(-rules.mostOwed.nanoseconds, balance - cost.nanoseconds))
    }

    /// A request has ended for which `charged` was charged.
    package mutating func settle(_ cost: TimeAmount, charged: TimeAmount, at now: NIODeadline) {
        usual += (cost.nanoseconds - usual) / 8
        charge(cost - charged, at: now)
    }

    private mutating func refill(to now: NIODeadline) {
        guard now > last else { return }
        // Longer than this nothing needs to fill.
        let passed = min((now - last).nanoseconds, 60_000_000_000)
        last = now
        balance = min(rules.burst.nanoseconds, balance + rules.earned(in: passed))
    }
}
