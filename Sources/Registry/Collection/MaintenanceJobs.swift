import Logging
import ServiceLifecycle
import Synchronization
package import WeirCore

/// Work beside serving: collections on a schedule, and what operators ask for. One at a time, in the order of asking.
///
/// The operator's API starts a job, gets its id, and asks for its progress. The job goes on without being asked about.
package final class MaintenanceJobs: Service {
    package enum MaintenanceJob: Sendable, Equatable {
        case collect(Collector.Orders)
        case verify(repair: Bool, givingUpPushed: Bool)
        /// Brings blobs back from quarantine.
        case restore(LostSelection)
        /// Deletes blobs in quarantine.
        case discard(LostSelection)
    }

    package struct Run: Sendable, Equatable {
        package enum State: String, Sendable { case waiting, running, done, failed }

        /// A UUID.
        package let id: String
        package let job: MaintenanceJob
        package let askedAt: Timestamp
        package var state = State.waiting
        package var progress = JobProgress()
        package var collection: CollectionReport?
        package var verification: VerifyReport?
        /// What was brought back, or deleted.
        package var lost: LostReport?
        /// Why it failed.
        package var problem: String?
        package var endedAt: Timestamp?
    }

    /// How often the size cap is checked. The check costs nothing where nothing was stored.
    private static let pulse = Duration.seconds(10)
    private static let mayWait = 16
    /// Runs that are remembered, ended ones included.
    private static let remembered = 100

    private struct State {
        var runs: [String: Run] = [:]
        /// In the order of asking.
        var order: [String] = []
        var lastCollection: CollectionReport?
    }

    package let collector: Collector
    package let verifier: Verifier
    private let clock: WallClock
    private let logger: Logger
    private let state = Mutex(State())
    private let asked: AsyncStream<String>
    private let ask: AsyncStream<String>.Continuation

    init(collector: Collector, verifier: Verifier) {
        self.collector = collector
        self.verifier = verifier
        clock = collector.clock
        logger = collector.logger
        (asked, ask) = AsyncStream.makeStream()
    }

    /// Asks for a job. Refuses where 16 wait already.
    package func start(_ job: MaintenanceJob) throws(Refusal) -> Run {
        let run = Run(id: RandomID.uuid(), job: job, askedAt: clock.now)
        let (isTaken, same) = state.withLock { state -> (Bool, Run?) in
            // A job that is asked for twice is done once, as long as it has not begun.
            if let same = state.runs.values.first(where: { $0.state == .waiting && $0.job == job }) { return (true, same) }
            guard state.runs.values.count(where: { $0.state == .waiting }) < Self.mayWait else { return (false, nil) }
            if state.order.count >= Self.remembered, let old = state.order.first(where: { state.runs[$0]?.endedAt != nil }) {
                state.order.removeAll { $0 == old }
                state.runs[old] = nil
            }
            state.runs[run.id] = run
            state.order.append(run.id)
            return (true, nil)
        }
        if let same { return same }
        guard isTaken else {
            throw Refusal(
                .throttled, "\(Self.mayWait) collections and verifications wait already", retryAfter: .seconds(30))
        }
        ask.yield(run.id)
        return run
    }

    /// A job's progress; nil where it is not known (any more).
    package func run(_ id: String) -> Run? { state.withLock { $0.runs[id] } }

    /// The remembered runs, the newest first.
    package var runs: [Run] { state.withLock { state in state.order.reversed().compactMap { state.runs[$0] } } }

    package func run() async throws {
        // The gauges show what the rows say from the start on, and not from the first collection on.
        try? await collector.tellState()
        await cancelWhenGracefulShutdown { [self] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await id in self.asked { await self.perform(id) } }
                group.addTask { await self.keepTime() }
            }
        }
    }

    /// Runs on the schedule, and whenever the cache has grown past its cap.
    private func keepTime() async {
        var last = ContinuousClock.now
        var told: (reason: String, at: ContinuousClock.Instant)?
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.pulse)
            guard !Task.isCancelled else { return }
            // A push may have taken a fault away, too, without a report.
            try? await collector.blobs.tellFaults()
            do {
                if let interval = collector.settings.interval, ContinuousClock.now - last >= interval {
                    last = .now
                    try await note(try await collector.collect())
                } else if let report = try await collector.evictIfGrown(since: state.withLock { $0.lastCollection }) {
                    try await note(report)
                }
            } catch is CancellationError {
                return
            } catch {
                // A cache that has grown past its cap comes by here every 10 s: the same reason is logged once an hour.
                let reason = (error as? Refusal)?.message ?? "\(error)"
                if let told, told.reason == reason, ContinuousClock.now - told.at < .seconds(3600) { continue }
                logger.warning("Collection failed; the next one tries again", metadata: ["error": "\(reason)"])
                told = (reason, .now)
            }
        }
    }

    private func note(_ report: CollectionReport) async throws {
        guard !report.isDryRun else { return }
        state.withLock { $0.lastCollection = report }
        try await collector.tellState()
    }

    private func perform(_ id: String) async {
        guard let job = run(id)?.job else { return }
        change(id) { $0.state = .running }
        let follow: @Sendable (JobProgress) -> Void = { progress in self.change(id) { $0.progress = progress } }
        do {
            switch job {
            case .collect(let orders):
                let report = try await collector.collect(orders, progress: follow)
                try await note(report)
                change(id) { $0.collection = report }
            case .verify(let repair, let givingUpPushed):
                let report = try await verifier.verify(repair: repair, givingUpPushed: givingUpPushed, progress: follow)
                change(id) { $0.verification = report }
            case .restore(let selection):
                let report = try await collector.quarantine.restore(selection, progress: follow)
                change(id) { $0.lost = report }
            case .discard(let selection):
                let report = try await collector.quarantine.discard(selection, progress: follow)
                change(id) { $0.lost = report }
            }
            change(id) { $0.state = .done }
        } catch {
            logger.log(
                level: .warning.unlessStopping(error), "A chore failed", metadata: ["chore": "\(job)", "error": "\(error)"])
            change(id) {
                $0.state = .failed
                $0.problem = error is CancellationError ? "the server was stopped" : (error as? Refusal)?.message ?? "\(error)"
            }
        }
        change(id) { [clock] in $0.endedAt = clock.now }
    }

    private func change(_ id: String, _ body: (inout Run) -> Void) {
        state.withLock { state in
            if var run = state.runs[id] {
                body(&run)
                state.runs[id] = run
            }
        }
    }
}
