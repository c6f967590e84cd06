package import NIOCore

/// Measures how long a client keeps its connection waiting, against `ConnectionTimeouts`. Pure: the connection asks from time to
/// time.
///
/// Only the client's own slowness counts. No time passes while the server works on a request, a body waits for its room or the
/// disk is slow.
package struct ClientPatience {
    package enum Verdict: Equatable {
        case look(in: TimeAmount)
        case close(Reason)
    }

    package enum Reason: String { case idle, slow }

    private struct Body {
        let declared: Int64?
        /// The time that the client has taken so far.
        var taken = TimeAmount.zero
        var windowTaken = TimeAmount.zero
        var windowReceived: Int64 = 0
        /// Since when it is the client's turn.
        var since: NIODeadline?

        mutating func count(to now: NIODeadline) {
            guard let since else { return }
            taken = taken + (now - since)
            windowTaken = windowTaken + (now - since)
            self.since = now
        }
    }

    private let timeouts: ConnectionTimeouts
    private var lastHeard: NIODeadline
    private var body: Body?
    /// The client has proved who it is.
    package private(set) var isProved = false

    package init(_ timeouts: ConnectionTimeouts, at now: NIODeadline) {
        self.timeouts = timeouts
        lastHeard = now
    }

    package mutating func prove() { isProved = true }

    /// The client has sent something, or its turn begins.
    package mutating func heard(at now: NIODeadline) { lastHeard = now }

    package mutating func bodyBegins(declared: Int64?) { body = Body(declared: declared) }

    /// It is the client's turn to send more of its body.
    package mutating func bodyIsAwaited(at now: NIODeadline) {
        if body?.since == nil { body?.since = now }
    }

    package mutating func bodyArrived(_ count: Int, at now: NIODeadline) {
        body?.count(to: now)
        body?.since = nil
        body?.windowReceived += Int64(count)
    }

    package mutating func bodyEnded() { body = nil }

    /// - Parameter isAwaited: it is the client's turn.
    package mutating func verdict(at now: NIODeadline, isAwaited: Bool) -> Verdict {
        let idle = isProved ? timeouts.idle : min(timeouts.idle, timeouts.strangersIdle)
        let step = isProved ? timeouts.idle : min(timeouts.look, idle)
        guard isAwaited else { return .look(in: step) }
        let left = idle - (now - lastHeard)
        guard left > .zero else { return .close(.idle) }
        if body != nil, isSlow(at: now) { return .close(.slow) }
        return .look(in: min(left, step))
    }

    private mutating func isSlow(at now: NIODeadline) -> Bool {
        body?.count(to: now)
        guard let body else { return false }
        if !isProved, body.taken >= strangersTime(for: body.declared) { return true }
        guard body.windowTaken >= timeouts.rateWindow else { return false }
        let least = timeouts.leastRate * (body.windowTaken.nanoseconds / 1_000_000_000)
        self.body?.windowTaken = .zero
        self.body?.windowReceived = 0
        return body.windowReceived < least
    }

    private func strangersTime(for declared: Int64?) -> TimeAmount {
        // A body that does not say how long it is may be as long as an ordinary call.
        let count = min(declared ?? 0, timeouts.strangersLongestBody)
        return timeouts.strangersBody + .seconds(count / max(1, timeouts.strangersRate))
    }
}
