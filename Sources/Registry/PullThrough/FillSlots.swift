import Synchronization
package import WeirCore

/// How many fills run at once, for one rule and in all: who waits for a client comes before who fetches ahead, and that before who
/// refreshes; among equals, first come, first served.
///
/// What nobody waits for never takes the last slots: a client that comes finds one free, whatever is being fetched ahead.
/// What is left over, a fill may use to fetch the parts of a big blob side by side.
package final class FillSlots: Sendable {
    package struct Limits: Sendable {
        /// Fills at once for one rule, unless the rule says how many connections it may have: two docker clients' worth and more.
        package var perRule = 8
        /// Fills at once in all. Each holds up to 4 MiB on its way to the disk.
        package var total = 24
        /// Parts that are fetched side by side with the one that is being written, in all. Each holds up to `BlobTransfer.part` bytes.
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

    private struct Waiter {
        let ticket: Ticket
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var running: [String: Int] = [:]
        var total = 0
        var ahead = 0
        /// In the order in which they came.
        var waiting: [Waiter] = []
    }

    private let limits: Limits
    private let state = Mutex(State())

    package init(_ limits: Limits = Limits()) { self.limits = limits }

    /// - Parameter limit: the rule's own, or nil for the server's.
    package func ticket(of owner: String, limit: Int?, priority: UpstreamPriority) -> Ticket {
        Ticket(owner: owner, limit: limit ?? limits.perRule, priority: priority)
    }

    /// Runs `body` when it is the ticket's turn.
    package func withSlot<Value: Sendable>(
        _ ticket: Ticket, _ body: () async throws -> Value
    ) async rethrows -> Value {
        await withCheckedContinuation { continuation in
            change { $0.waiting.append(Waiter(ticket: ticket, continuation: continuation)) }
        }
        defer { leave(ticket) }
        return try await body()
    }

    /// A client waits for it from now on.
    package func promote(_ ticket: Ticket, to priority: UpstreamPriority) {
        let isMore = ticket.urgency.withLock { urgency in
            guard priority < urgency else { return false }
            urgency = priority
            return true
        }
        if isMore { change { _ in } }
    }

    /// One part more for a running fill that has `count` such parts, where nobody who waits could use the room. Give it back by `returnPart`.
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
        count < limits.aheadPerFill && state.ahead < limits.ahead && state.waiting.isEmpty
            && state.running[ticket.owner, default: 0] + count < ticket.limit && state.total + state.ahead < limits.total
    }

    package func returnPart() { state.withLock { $0.ahead -= 1 } }

    /// How many wait. For tests and metrics.
    package var waiting: Int { state.withLock { $0.waiting.count } }

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
        for waiter in admitted { waiter.continuation.resume() }
    }

    /// Everyone whose turn it is.
    private func admit(_ state: inout State) -> [Waiter] {
        var admitted: [Waiter] = []
        for priority in UpstreamPriority.allCases {
            guard !state.waiting.isEmpty, state.total < limits.total else { break }
            state.waiting.removeAll { waiter in
                let ticket = waiter.ticket
                guard ticket.priority == priority, hasRoom(ticket.limit, state.running[ticket.owner, default: 0], priority),
                    hasRoom(limits.total, state.total, priority)
                else { return false }
                state.running[ticket.owner, default: 0] += 1
                state.total += 1
                admitted.append(waiter)
                return true
            }
        }
        return admitted
    }

    private func hasRoom(_ limit: Int, _ taken: Int, _ priority: UpstreamPriority) -> Bool {
        taken < (priority == .interactive ? limit : Limits.background(of: limit))
    }
}
