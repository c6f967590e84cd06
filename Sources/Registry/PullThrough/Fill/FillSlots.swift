import Synchronization
package import WeirCore

/// How many fills run at once, for one rule and in all: who waits for a client comes before who fetches ahead, and that before
/// who refreshes; among equals, first come, first served.
///
/// What nobody waits for never takes the last slots: a client that comes finds one free, whatever is being fetched ahead.
/// What is left over, a fill may use to fetch the parts of a big blob side by side.
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

    private struct Waiter {
        /// They come in the order of their numbers.
        let number: UInt64
        let ticket: Ticket
        let continuation: CheckedContinuation<Void, Never>
    }

    /// Those of one rule and one priority, in the order in which they came to wait for it. Taking the first costs the same
    /// however many wait.
    private struct Line {
        private var waiters: [Waiter] = []
        private var begin = 0

        var isEmpty: Bool { begin == waiters.count }
        var first: Waiter? { isEmpty ? nil : waiters[begin] }

        mutating func append(_ waiter: Waiter) { waiters.append(waiter) }

        mutating func removeFirst() {
            begin += 1
            guard begin > 64, begin > waiters.count / 2 else { return }
            waiters.removeFirst(begin)
            begin = 0
        }

        mutating func remove(_ ticket: Ticket) -> Waiter? {
            guard let at = waiters[begin...].firstIndex(where: { $0.ticket === ticket }) else { return nil }
            return waiters.remove(at: at)
        }
    }

    private struct State {
        var running: [String: Int] = [:]
        var total = 0
        var ahead = 0
        var waiting = 0
        var lastNumber: UInt64 = 0
        /// By priority, then by owner.
        var lines: [UpstreamPriority: [String: Line]] = [:]

        mutating func enter(_ waiter: Waiter, _ priority: UpstreamPriority) {
            lines[priority, default: [:]][waiter.ticket.owner, default: Line()].append(waiter)
        }

        /// The one who waits longest of those whose rule has room by `hasRoom`. Looks at each rule, not at each who waits.
        mutating func next(_ priority: UpstreamPriority, where hasRoom: (Ticket) -> Bool) -> Waiter? {
            var found: Waiter?
            for line in lines[priority, default: [:]].values {
                guard let first = line.first, hasRoom(first.ticket), first.number < found?.number ?? .max else { continue }
                found = first
            }
            guard let found else { return nil }
            let owner = found.ticket.owner
            lines[priority]?[owner]?.removeFirst()
            if lines[priority]?[owner]?.isEmpty == true { lines[priority]?[owner] = nil }
            return found
        }
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
            change { state in
                state.lastNumber += 1
                state.waiting += 1
                state.enter(Waiter(number: state.lastNumber, ticket: ticket, continuation: continuation), ticket.priority)
            }
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
            guard let before, let waiter = state.lines[before]?[ticket.owner]?.remove(ticket) else { return }
            if state.lines[before]?[ticket.owner]?.isEmpty == true { state.lines[before]?[ticket.owner] = nil }
            state.enter(waiter, priority)
        }
    }

    /// One part more for a running fill that has `count` such parts, where nobody who waits could use the room. Give it back by
    /// `returnPart`.
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
        for waiter in admitted { waiter.continuation.resume() }
    }

    /// Everyone whose turn it is.
    private func admit(_ state: inout State) -> [Waiter] {
        var admitted: [Waiter] = []
        for priority in UpstreamPriority.allCases {
            while state.waiting > 0, hasRoom(limits.total, state.total, priority) {
                let running = state.running
                let next = state.next(priority) { hasRoom($0.limit, running[$0.owner, default: 0], priority) }
                guard let next else { break }
                state.running[next.ticket.owner, default: 0] += 1
                state.total += 1
                state.waiting -= 1
                admitted.append(next)
            }
        }
        return admitted
    }

    private func hasRoom(_ limit: Int, _ taken: Int, _ priority: UpstreamPriority) -> Bool {
        taken < (priority == .interactive ? limit : Limits.background(of: limit))
    }
}
