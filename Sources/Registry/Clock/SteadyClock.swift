package import Logging
import Metrics
import ServiceLifecycle
import Synchronization
package import WeirCore

/// The clock that services get: the machine's, watched. After a jump (`ClockGuard`) nothing is destroyed because its date has
/// come, until the clock has been steady for a day or an operator accepts it.
///
/// The clocks' readings are written down every minute, so that a jump while the server was down is noticed too.
package final class SteadyClock: Service {
    private struct Watch {
        var clockGuard: ClockGuard
        var told = ClockGuard.State.steady
        /// The clock was ahead since it was last steady: the database may hold stamps of the future.
        var wasAhead: Bool
        var written: ClockGuard.Record?
    }

    /// How often the clock is read, and after how many readings one is written down.
    private static let period = Duration.seconds(5)
    private static let writes = 12

    private let machine: MachineClocks
    private let database: any SQLDatabase
    private let logger: Logger
    private let watch: Mutex<Watch>
    /// Between these the wall clock is right: only a moment outside of them needs a second look.
    private let floor = Atomic<Int64>(.min)
    private let ceiling = Atomic<Int64>(.max)

    /// Reads where the clocks stood when an earlier run last looked. For the start.
    package init(_ machine: MachineClocks, database: any SQLDatabase, logger: Logger) async throws {
        let last = try await database.read { try ClockTable.record($0) }
        self.machine = machine
        self.database = database
        self.logger = logger
        watch = Mutex(
            Watch(
                clockGuard: ClockGuard(wall: machine.wall(), uptime: machine.uptime(), boot: machine.boot, last: last),
                wasAhead: last?.wasAhead ?? false))
        _ = look()
    }

    package var clock: WallClock {
        WallClock({ self.moment(self.machine.wall()) { $0.now } }, due: { self.moment(self.machine.wall()) { $0.due } })
    }

    /// What the clock should show when it shows `wall`. For what is issued and must end after a while, whatever the clock does.
    package func expected(_ wall: Timestamp) -> Timestamp { moment(wall) { $0.trusted } }

    /// `wall`, as long as it can be believed: the usual request pays only for this check.
    private func moment(_ wall: Timestamp, _ choose: (ClockGuard.Reading) -> Timestamp) -> Timestamp {
        let isUsual = wall.microseconds >= floor.load(ordering: .relaxed) && wall.microseconds <= ceiling.load(ordering: .relaxed)
        if isUsual { return wall }
        let reading = look()
        return reading.state == .steady ? wall : choose(reading)
    }

    package struct Status: Sendable, Equatable {
        package let reading: ClockGuard.Reading
        /// How long the clock must go on like this to be believed; nil where it is.
        package let believedIn: Duration?
    }

    package var status: Status {
        let reading = look()
        let left = watch.withLock { $0.clockGuard.patienceLeft(uptime: machine.uptime()) }
        return Status(reading: reading, believedIn: reading.state == .steady ? nil : left)
    }

    /// Why nothing may be destroyed by its date now; nil where the clock is steady.
    package var refusal: Refusal? {
        let status = status
        guard let left = status.believedIn else { return nil }
        return Refusal(
            .clockSuspect,
            "The server's clock \(status.reading.state.text): nothing that has a date is removed until it has been steady for \(left.hours) more. If it is right now, say so: weir clock accept"
        )
    }

    /// An operator's word that the clock is right. On disk when this returns.
    package func accept() async throws {
        watch.withLock { $0.clockGuard.accept(wall: machine.wall(), uptime: machine.uptime()) }
        logger.notice("The clock was accepted as it is", metadata: facts(look()))
        await write()
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await write()
            var count = 0
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.period)
                count += 1
                let state = look().state
                if count % Self.writes == 0 || needsWriting(state) { await write() }
            }
        }
        await write()
    }

    private func needsWriting(_ state: ClockGuard.State) -> Bool {
        watch.withLock { $0.wasAhead && state == .steady }
    }

    /// Reads both clocks, and reports a change.
    private func look() -> ClockGuard.Reading {
        let (reading, change) = watch.withLock { watch in
            let reading = watch.clockGuard.observe(wall: machine.wall(), uptime: machine.uptime())
            if case .ahead = reading.state { watch.wasAhead = true }
            let isNews = reading.state.kind != watch.told.kind
            watch.told = reading.state
            return (reading, isNews)
        }
        // The next look is due within 5 s, well inside these bounds. A process that was stopped for longer looks again.
        let (early, late) = (reading.trusted + (.zero - ClockGuard.tolerance), reading.trusted + ClockGuard.tolerance)
        floor.store(early.microseconds, ordering: .relaxed)
        ceiling.store(late.microseconds, ordering: .relaxed)
        if change { tell(reading) }
        return reading
    }

    private func tell(_ reading: ClockGuard.Reading) {
        Gauge(label: "weir_clock_jumped").record(reading.state == .steady ? 0 : 1)
        guard reading.state != .steady else {
            logger.notice("The clock is steady again: what has a date is dealt with as ever", metadata: facts(reading))
            return
        }
        logger.warning(
            "The clock \(reading.state.text): nothing that has a date is removed for a day, or until `weir clock accept`",
            metadata: facts(reading))
    }

    private func facts(_ reading: ClockGuard.Reading) -> Logger.Metadata {
        ["clock.shows": "\(reading.wall.iso8601)", "clock.expected": "\(reading.trusted.iso8601)"]
    }

    /// Writes the clocks' readings down. Once the clock is right again, stamps of the future are set back to now.
    private func write() async {
        let reading = look()
        let wasAhead = watch.withLock { $0.wasAhead }
        let isOver = wasAhead && reading.state == .steady
        let record = ClockGuard.Record(
            trusted: reading.trusted, uptime: machine.uptime(), boot: machine.boot, wasAhead: wasAhead && !isOver)
        do {
            try await database.write { sql in
                if isOver { try ClockTable.pullBack(to: reading.wall, slack: ClockGuard.tolerance, sql) }
                try ClockTable.put(record, sql)
            }
            if isOver { watch.withLock { $0.wasAhead = false } }
        } catch {
            logger.log(
                level: .warning.unlessStopping(error), "Where the clock stands could not be written down",
                metadata: ["error": "\(error)"])
        }
    }
}

extension ClockGuard.State {
    fileprivate var kind: Int {
        switch self {
        case .steady: 0
        case .ahead: 1
        case .behind: -1
        }
    }

    /// For a person.
    package var text: String {
        switch self {
        case .steady: "is steady"
        case .ahead(let by): "is \(by.hours) ahead of what it should show"
        case .behind(let by): "is \(by.hours) behind what it should show"
        }
    }
}

extension Duration {
    /// `40 days`, `3 hours`, `20 minutes`.
    fileprivate var hours: String {
        let minutes = components.seconds / 60
        if minutes >= 2 * 24 * 60 { return "\(minutes / (24 * 60)) days" }
        return minutes >= 120 ? "\(minutes / 60) hours" : "\(max(1, minutes)) minutes"
    }
}
