import Logging
import Metrics
package import NIOCore
import Synchronization

/// What one client costs the event loops, and how long its next request waits.
///
/// While layers go to or come from other clients, this client's work beside layers (connections, requests, what a stranger sends)
/// gets a sixth of the loops' time. What exceeds it waits in a queue; nothing is refused. At other times there is no limit, and
/// next to nothing is measured. A request that has begun is never held up: other requests may wait for a lock or a load of its.
package final class ClientThrottle: Sendable {
    package enum Costs {
        /// To accept, to register and to close one.
        package static let connection = TimeAmount.microseconds(400)
        /// What a TLS handshake adds.
        package static let handshake = TimeAmount.milliseconds(1)
        /// Nanoseconds for each byte of a stranger's body, and of a layer, which a client is not charged: 4 and 1 ms for each
        /// MiB.
        static let strangersByte = 4
        static let layersByte = 1
    }

    /// Between two checks whether other clients are still served.
    private static let longestSleep = TimeAmount.milliseconds(100)

    private struct State {
        var bucket: LoopTimeBucket
        var waiting: CircularBuffer<(cost: TimeAmount, go: @Sendable () -> Void)> = []
        /// The next check of the queue is scheduled.
        var isScheduled = false
        var connections = 0
        var lastUse: NIODeadline
    }

    let client: ClientGroup
    let served: ServedClients
    private let state: Mutex<State>
    private let paced = Counter(label: "weir_paced_total")
    private let report: @Sendable (ClientGroup) -> Void

    /// - Parameter report: called where something has to wait.
    package init(
        _ client: ClientGroup, rules: LoopTimeBucket.Rules, served: ServedClients, at now: NIODeadline = .now(),
        report: @escaping @Sendable (ClientGroup) -> Void = { _ in }
    ) {
        self.report = report
        self.client = client
        self.served = served
        state = Mutex(State(bucket: LoopTimeBucket(rules, at: now), lastUse: now))
    }

    /// How many wait for their turn.
    package var waiting: Int { state.withLock { $0.waiting.count } }

    package func isPaced(at now: NIODeadline) -> Bool { served.isAnotherServed(than: client, at: now) }

    /// True where something that costs so much may begin at once. Where not, `go` is called when its turn has come, on any event
    /// loop. `eventLoop` keeps the time.
    package func mayBegin(
        costing cost: TimeAmount, at now: NIODeadline, on eventLoop: any EventLoop, _ go: @escaping @Sendable () -> Void
    ) -> Bool {
        guard isPaced(at: now) else { return true }
        let delay = state.withLock { state -> TimeAmount? in
            state.lastUse = now
            let wait = state.bucket.wait(at: now)
            if state.waiting.isEmpty, wait == .zero {
                state.bucket.charge(cost, at: now)
                return nil
            }
            state.waiting.append((cost, go))
            defer { state.isScheduled = true }
            return state.isScheduled ? .zero : max(wait, .nanoseconds(1))
        }
        guard let delay else { return true }
        paced.increment()
        report(client)
        if delay > .zero { scheduleCheck(delay, on: eventLoop) }
        return false
    }

    /// Charges what could not be known before.
    package func charge(_ cost: TimeAmount, at now: NIODeadline = .now()) {
        state.withLock { $0.bucket.charge(cost, at: now) }
    }

    private func scheduleCheck(_ delay: TimeAmount, on eventLoop: any EventLoop) {
        eventLoop.scheduleTask(in: min(delay, Self.longestSleep)) { self.startDue(on: eventLoop) }
    }

    private func startDue(on eventLoop: any EventLoop) {
        let now = eventLoop.now
        let isPaced = isPaced(at: now)
        let (turns, delay) = state.withLock { state in
            var turns: [@Sendable () -> Void] = []
            while let next = state.waiting.first, !isPaced || state.bucket.wait(at: now) == .zero {
                state.waiting.removeFirst()
                state.bucket.charge(next.cost, at: now)
                turns.append(next.go)
            }
            state.isScheduled = !state.waiting.isEmpty
            return (turns, state.isScheduled ? state.bucket.wait(at: now) : nil)
        }
        for go in turns { go() }
        if let delay { scheduleCheck(delay, on: eventLoop) }
    }

    // MARK: Requests

    /// Returns when a request may begin, with what it was charged; nil where it is not measured.
    func awaitTurn(on eventLoop: any EventLoop) async -> TimeAmount? {
        let now = eventLoop.now
        guard isPaced(at: now) else { return nil }
        let cost = state.withLock { $0.bucket.usualCost }
        await withCheckedContinuation { continuation in
            if mayBegin(costing: cost, at: now, on: eventLoop, { continuation.resume() }) { continuation.resume() }
        }
        return cost
    }

    /// A request has ended that was charged.
    func requestEnded(costing cost: TimeAmount, charged: TimeAmount) {
        state.withLock { $0.bucket.settle(cost, charged: charged, at: .now()) }
    }

    // MARK: Connections

    func opened() { state.withLock { $0.connections += 1 } }

    func closed() {
        state.withLock { state in
            state.connections -= 1
            state.lastUse = .now()
        }
    }

    /// It has had no connection for so long that its bucket is full again.
    fileprivate func isForgettable(at now: NIODeadline) -> Bool {
        state.withLock { $0.connections == 0 && $0.waiting.isEmpty && now - $0.lastUse > .seconds(10) }
    }
}

/// The throttle of each client that is connected, or was within the last ten seconds.
final class ClientThrottles: Sendable {
    private struct State {
        var throttles: [ClientGroup: ClientThrottle] = [:]
        var limit = ClientThrottles.atLeast
    }

    private static let atLeast = 1024

    let served = ServedClients()
    private let rules: LoopTimeBucket.Rules
    private let logger: Logger
    private let state = Mutex(State())
    private let lastReport = Mutex<NIODeadline?>(nil)

    init(loops: Int, logger: Logger) {
        rules = LoopTimeBucket.Rules(loops: loops)
        self.logger = logger
    }

    /// Once a minute.
    private func report(_ client: ClientGroup) {
        let now = NIODeadline.now()
        let isNews = lastReport.withLock { last in
            if let last, now - last < .seconds(60) { return false }
            last = now
            return true
        }
        guard isNews else { return }
        logger.notice(
            "A client waits: it asks for more than a sixth of this server while layers go to others",
            metadata: ["client.address": "\(client)"])
    }

    func throttle(of client: ClientGroup) -> ClientThrottle {
        state.withLock { state in
            if let known = state.throttles[client] { return known }
            let now = NIODeadline.now()
            if state.throttles.count >= state.limit {
                state.throttles = state.throttles.filter { !$0.value.isForgettable(at: now) }
                state.limit = max(Self.atLeast, 2 * state.throttles.count)
            }
            let new = ClientThrottle(client, rules: rules, served: served, at: now) { [weak self] in self?.report($0) }
            state.throttles[client] = new
            return new
        }
    }
}
