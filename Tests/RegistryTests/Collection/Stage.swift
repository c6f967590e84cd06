import Dispatch
import ConformanceSuites
import NIOCore
import Synchronization
import WeirCore
import WeirRegistry

/// Actors of a test that take turns: each stops before every step that counts, and the test decides whose turn it is. So every
/// order of a few actors' steps is tried, one run for each, and a crash between any two steps.
final class Stage: Sendable {
    /// The actor that the current task plays; nil for the test itself, which is never stopped.
    @TaskLocal static var actor: Int?

    /// Thrown to an actor that takes a step after the crash.
    struct Crashed: Error {}

    private struct Waiter: Sendable {
        /// The step changes nothing that lasts.
        let isRead: Bool
        let resume: @Sendable (Bool) -> Void
    }

    private struct State {
        var waiting: [Int: Waiter] = [:]
        var ended: Set<Int> = []
        var hasCrashed = false
        var isOpen = true
    }

    private let state = Mutex(State())
    /// The actor that unlinks files: the collector does so on its own thread, where the task is not known.
    let collector: Int

    init(collector: Int = 0) { self.collector = collector }

    // MARK: For the actors

    func step(isRead: Bool = false) async throws {
        guard let actor = Self.actor else { return }
        let goesOn = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
            wait(actor, isRead) { continuation.resume(returning: $0) }
        }
        if !goesOn { throw Crashed() }
    }

    /// The same on a thread that may block.
    func step(as actor: Int?) throws(BlobStoreError) {
        guard let actor else { return }
        let semaphore = DispatchSemaphore(value: 0)
        let goesOn = Atomic(false)
        wait(actor, false) {
            goesOn.store($0, ordering: .releasing)
            semaphore.signal()
        }
        semaphore.wait()
        if !goesOn.load(ordering: .acquiring) { throw .failed("the machine has crashed") }
    }

    private func wait(_ actor: Int, _ isRead: Bool, _ resume: @escaping @Sendable (Bool) -> Void) {
        let now = state.withLock { state -> Bool? in
            if state.isOpen { return true }
            if state.hasCrashed { return false }
            state.waiting[actor] = Waiter(isRead: isRead, resume: resume)
            return nil
        }
        if let now { resume(now) }
    }

    // MARK: For the test

    /// The course of a run: whose turn it was at each step, and which other actors could have had it.
    struct Play {
        var turns: [Int] = []
        var others: [[Int]] = []
        /// The turns that changed nothing that outlasts a crash.
        var reads: [Bool] = []
        var isStuck = false
    }

    /// Plays the actors to their end. `script` gives the first turns; after them the first actor that can go on goes on.
    ///
    /// - Parameter crashAfter: the number of turns before a crash, after which no actor does anything.
    func play(
        _ actors: [@Sendable () async -> Void], script: [Int], crashAfter: Int? = nil, locks: BlobLocks
    ) async -> Play {
        state.withLock { $0 = State(isOpen: false) }
        return await withTaskGroup(of: Void.self) { group in
            for (number, actor) in actors.enumerated() {
                group.addTask {
                    await Self.$actor.withValue(number) { await actor() }
                    self.state.withLock { _ = $0.ended.insert(number) }
                }
            }
            var play = Play()
            while true {
                let ready = await untilAllStandStill(actors.count, locks)
                if play.turns.count == crashAfter {
                    crash()
                    break
                }
                guard !ready.isEmpty else {
                    play.isStuck = state.withLock { $0.ended.count < actors.count }
                    break
                }
                let turn = play.turns.count < script.count ? script[play.turns.count] : ready[0]
                play.turns.append(turn)
                play.others.append(ready.filter { $0 > turn })
                let waiter = state.withLock { $0.waiting.removeValue(forKey: turn) }
                play.reads.append(waiter?.isRead ?? false)
                waiter?.resume(true)
            }
            if play.isStuck { crash() }
            await group.waitForAll()
            state.withLock { $0 = State() }
            return play
        }
    }

    /// Returns when every actor waits for a turn, has ended, or waits for a lock that another one holds. Returns the actors whose
    /// turn it may be.
    private func untilAllStandStill(_ count: Int, _ locks: BlobLocks) async -> [Int] {
        while true {
            let (ready, ended) = state.withLock { ($0.waiting.keys.sorted(), $0.ended.count) }
            if ready.count + ended + locks.waiting == count {
                // No actor moves by itself now: what was counted at three moments holds at one.
                let again = state.withLock { ($0.waiting.keys.sorted(), $0.ended.count) }
                if again.0 == ready, again.1 == ended { return ready }
            }
            await Task.yield()
        }
    }

    private func crash() {
        let waiting = state.withLock { state in
            state.hasCrashed = true
            defer { state.waiting = [:] }
            return state.waiting
        }
        for waiter in waiting.values { waiter.resume(false) }
    }
}

/// A database whose writes are steps; so are the collector's reads, since its decisions rest on them.
struct SteppedDatabase: SQLDatabase {
    let base: any SQLDatabase
    let stage: Stage

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws -> Value {
        if Stage.actor == stage.collector { try await stage.step(isRead: true) }
        return try await base.read(body)
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> Value
    ) async throws -> Value {
        try await stage.step()
        return try await base.write(body)
    }

    func scrub() async { await base.scrub() }

    func migrate(_ migrations: [Migration]) async throws { try await base.migrate(migrations) }

    /// Nil, so that every question is a step.
    var version: UInt64? { nil }
}
