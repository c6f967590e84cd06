import Synchronization
package import WeirCore

/// How many fills run at once, for one rule and in all. A client's fill comes before one that fetches ahead, and that before one
/// that refreshes; equals come in the order in which they began to wait.
///
/// Fills that no client waits for never take the last slots: a client finds one free, whatever is being fetched ahead.
/// A fill may use slots that are left over to fetch the parts of a big blob side by side.
package final class FillSlots: Sendable {
    package struct Limits: Sendable {
        /// Fills at once for one rule, unless the rule says how many connections it may have: two docker clients' worth and more.
        package var perRule = 8
        /// Fills at once in all. Each holds up to 4 MiB on its way to the disk.
        package var total = 24
        /// Parts that are fetched side by side with the one that is being written, in all. Each holds up to `BlobTransfer.part`
        /// bytes.
        package var ahead = 12
        /// The same for one fill.
        package var aheadPerFill = 4

        package init() {}

        /// How many of `limit` are taken by those that no client waits for.
        static func background(of limit: Int) -> Int { max(1, limit - max(1, limit / 4)) }
    }

    /// A place in the queue, then a slot, then nothing.
    package final class Ticket: Sendable {
        let owner: String
        let limit: Int
        fileprivate let urgency: Mutex<UpstreamPriority>

        init(owner: String, limit: Int, priority: UpstreamPriority) {
            self.owner = owner
            self.limit = limit
            urgency = Mutex(priority)
        }

        /// What upstream is told: it may have become more urgent meanwhile.
        package var priority: UpstreamPriority { urgency.withLock { $0 } }
    }

    private typealias Line = Waiters<Ticket, Void>

    private struct State {
        var running: [String: Int] = [:]
        var total = 0
        var ahead = 0
        var waiting = 0

        mutating func take(_ ticket: Ticket) {
            running[ticket.owner, default: 0] += 1
            total += 1
        }

        /// By priority, then by owner: each in the order in which its fills came to wait at that priority.
        var lines: [UpstreamPriority: [String: Line]] = [:]

        mutating func enter(_ waiter: Waiter<Void>, _ ticket: Ticket, _ priority: UpstreamPriority) {
            lines[priority, default: [:]][ticket.owner, default: Line()].append(waiter, wish: ticket)
        }

        /// Takes out the one that began to wait first, of those whose rule has room by `hasRoom`. Looks at each rule, not at each
        /// waiter.
        mutating func next(_ priority: UpstreamPriority, where hasRoom: (Ticket) -> Bool) -> Line.Entry? {
            var found: Line.Entry?
            for line in lines[priority, default: [:]].values {
                guard let first = line.first, hasRoom(first.wish), first.waiter.number < found?.waiter.number ?? .max else {
                    continue
                }
                found = first
            }
            return found.flatMap { takeOut($0.wish, priority) }
        }

        mutating func takeOut(_ ticket: Ticket, _ priority: UpstreamPriority) -> Line.Entry? {
            let entry = lines[priority]?[ticket.owner]?.removeFirst { $0 === ticket }
            if lines[priority]?[ticket.owner]?.isEmpty == true { lines[priority]?[ticket.owner] = nil }
            return entry
        }
    }

    private let limits: Limits
    private let state = Mutex(State())

    package init(_ limits: Limits = Limits()) { self.limits = limits }

    /// - Parameter limit: the rule's own, or nil for the server's.
    package func ticket(of owner: String, limit: Int?, priority: UpstreamPriority) -> Ticket {
        Ticket(owner: owner, limit: limit ?? limits.perRule, priority: priority)
    }

    /// Runs `body` when it is the ticket's turn. The wait cannot be cancelled: a fill whose clients have gone goes on.
    package func withSlot<Value: Sendable>(
        _ ticket: Ticket, _ body: () async throws -> Value
    ) async rethrows -> Value {
        await state.wait { state, waiter in
            let priority = ticket.priority
            // No waiter is left that has room, so none is overtaken.
            if hasRoom(for: ticket, priority, state) {
                state.take(ticket)
                return ()
            }
            state.waiting += 1
            state.enter(waiter, ticket, priority)
            return nil
        }
        defer { leave(ticket) }
        return try await body()
    }

    /// A client waits for it from now on.
    package func promote(_ ticket: Ticket, to priority: UpstreamPriority) {
        change { state in
            let before = ticket.urgency.withLock { urgency -> UpstreamPriority? in
                guard priority < urgency else { return nil }
                defer { urgency = priority }
                return urgency
            }
            guard let before, let entry = state.takeOut(ticket, before) else { return }
            state.enter(entry.waiter, ticket, priority)
        }
    }

    /// One part more for a running fill that has `count` such parts, where no fill waits that could use the room. Give it back
    /// by `returnPart`.
    package func takePart(_ ticket: Ticket, having count: Int) -> Bool {
        state.withLock { state in
            guard hasRoom(for: ticket, having: count, state) else { return false }
            state.ahead += 1
            return true
        }
    }

    /// Whether `takePart` would say yes now.
    package func hasRoom(for ticket: Ticket) -> Bool { state.withLock { hasRoom(for: ticket, having: 0, $0) } }

    private func hasRoom(for ticket: Ticket, having count: Int, _ state: State) -> Bool {
        count < limits.aheadPerFill && state.ahead < limits.ahead && state.waiting == 0
            && state.running[ticket.owner, default: 0] + count < ticket.limit && state.total + state.ahead < limits.total
    }

    package func returnPart() { state.withLock { $0.ahead -= 1 } }

    /// How many wait. For tests and metrics.
    package var waiting: Int { state.withLock { $0.waiting } }

    private func leave(_ ticket: Ticket) {
        change { state in
            state.total -= 1
            let left = state.running[ticket.owner, default: 1] - 1
            state.running[ticket.owner] = left == 0 ? nil : left
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let admitted = state.withLock { state in
            body(&state)
            return admit(&state)
        }
        for waiter in admitted { waiter.resume() }
    }

    /// Takes out all whose turn it is.
    private func admit(_ state: inout State) -> [Waiter<Void>] {
        var admitted: [Waiter<Void>] = []
        for priority in UpstreamPriority.allCases {
            while state.waiting > 0, hasRoom(limits.total, state.total, priority) {
                let running = state.running
                let next = state.next(priority) { hasRoom($0.limit, running[$0.owner, default: 0], priority) }
                guard let next else { break }
                state.take(next.wish)
                state.waiting -= 1
                admitted.append(next.waiter)
            }
        }
        return admitted
    }

    private func hasRoom(for ticket: Ticket, _ priority: UpstreamPriority, _ state: State) -> Bool {
        hasRoom(limits.total, state.total, priority) && hasRoom(ticket.limit, state.running[ticket.owner, default: 0], priority)
    }

    private func hasRoom(_ limit: Int, _ taken: Int, _ priority: UpstreamPriority) -> Bool {
        taken < (priority == .interactive ? limit : Limits.background(of: limit))
    }
}
