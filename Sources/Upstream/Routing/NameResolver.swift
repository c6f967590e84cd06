import NIOPosix
import Synchronization
package import WeirCore

/// Finds a name's addresses, on threads of its own: a lookup blocks, for many seconds when a name server is silent, and must hold
/// up neither event loops nor the threads that read blobs.
///
/// ```
/// known, under 30 s old      → returned
/// known, under 600 s old     → returned, and looked up again meanwhile
/// being looked up            → joins that lookup
/// else                       → waits for its turn: two lookups of one asker at a time, and the asker with the fewest lookups
///                              under way goes first
/// ```
/// A caller waits `patience` at most. A lookup that hangs keeps its thread, and one turn of its asker, until the system gives it
/// up; other askers have their own turns. So a registry that redirects to names with silent name servers delays only the requests
/// for its own blobs.
package final class NameResolver: Sendable {
    package enum Failure: Error, CustomStringConvertible {
        case noSuchHost
        case failed
        case tooSlow
        case tooMany

        package var description: String {
            switch self {
            case .noSuchHost: "no such host"
            case .failed: "the name could not be resolved"
            case .tooSlow: "the name was not resolved in time"
            case .tooMany: "too many of its names are being resolved"
            }
        }
    }

    package typealias Lookup = @Sendable (String) throws(Failure) -> [IPAddress]
    private typealias Outcome = Result<[IPAddress], Failure>

    /// Lookups at a time: of all askers, and of one.
    private static let atOnce = 24
    private static let atOnceForOne = 2
    /// Names that wait for their turn: of all askers, and of one.
    private static let maxWaiting = 512
    private static let maxWaitingForOne = 32

    private struct Question {
        let answer = OneShot<Outcome>()
        var askers: [String]
        /// The asker in whose turn it is looked up; nil while it waits.
        var turn: String?
    }

    private struct State {
        var known = KnownNames()
        var questions: [String: Question] = [:]
        /// Names that wait, in the order in which they came.
        var waiting: [String] = []
        /// Lookups under way, by asker.
        var running: [String: Int] = [:]
        var isOver = false

        var all: Int { running.values.total }

        /// Takes out the question whose turn has come.
        mutating func next() -> String? {
            guard all < NameResolver.atOnce else { return nil }
            var best: (index: Int, asker: String, running: Int)?
            for (index, name) in waiting.enumerated() {
                for asker in questions[name]?.askers ?? [] {
                    let count = running[asker] ?? 0
                    guard count < NameResolver.atOnceForOne, count < best?.running ?? .max else { continue }
                    best = (index, asker, count)
                }
                if best?.running == 0 { break }
            }
            guard let best else { return nil }
            let name = waiting.remove(at: best.index)
            questions[name]?.turn = best.asker
            running[best.asker, default: 0] += 1
            return name
        }

        mutating func end(_ name: String) -> OneShot<Outcome>? {
            guard let question = questions.removeValue(forKey: name) else { return nil }
            if let turn = question.turn {
                let left = (running[turn] ?? 1) - 1
                running[turn] = left > 0 ? left : nil
            }
            return question.answer
        }
    }

    private enum Step {
        case told([IPAddress])
        case wait(OneShot<Outcome>)
        case refused(Failure)
    }

    private let threads = NIOThreadPool(numberOfThreads: NameResolver.atOnce)
    private let lookup: Lookup
    private let patience: Duration
    private let state = Mutex(State())

    package convenience init() {
        self.init { name throws(Failure) in try SystemNames.addresses(of: name) }
    }

    /// With another way to look names up, for tests.
    package init(patience: Duration = .seconds(10), _ lookup: @escaping Lookup) {
        self.lookup = lookup
        self.patience = patience
    }

    /// Every address of `name`, at least one.
    ///
    /// - Parameter asker: the registry in whose course the name came up; its lookups are counted together.
    package func addresses(of name: String, for asker: String) async throws(Failure) -> [IPAddress] {
        let step = step(name, asker)
        startWhatMay()
        switch step {
        case .told(let addresses): return addresses
        case .refused(let failure): throw failure
        case .wait(let answer):
            let outcome = try? await within(patience) { try await answer.value() }
            guard let outcome else { throw Task.isCancelled ? .failed : .tooSlow }
            return try outcome.get()
        }
    }

    /// Names that wait for their turn now. For tests.
    package var waiting: Int { state.withLock { $0.waiting.count } }

    private func step(_ name: String, _ asker: String) -> Step {
        let now = ContinuousClock.now
        return state.withLock { state in
            let known = state.known.addresses(of: name, at: now)
            if let known, known.isFresh { return .told(known.addresses) }
            if var question = state.questions[name] {
                if question.turn == nil, question.askers.count < 16, !question.askers.contains(asker) {
                    question.askers.append(asker)
                    state.questions[name] = question
                }
                return known.map { .told($0.addresses) } ?? .wait(question.answer)
            }
            let own = state.waiting.count { state.questions[$0]?.askers.first == asker }
            guard !state.isOver, state.waiting.count < Self.maxWaiting, own < Self.maxWaitingForOne else {
                return known.map { .told($0.addresses) } ?? .refused(state.isOver ? .failed : .tooMany)
            }
            let question = Question(askers: [asker])
            state.questions[name] = question
            state.waiting.append(name)
            return known.map { .told($0.addresses) } ?? .wait(question.answer)
        }
    }

    private func startWhatMay() {
        while let name = takeNext() {
            threads.submit { [self] work in
                var outcome = Outcome.failure(.failed)
                if work == .active {
                    do throws(Failure) { outcome = .success(try lookup(name)) } catch { outcome = .failure(error) }
                }
                end(name, outcome)
                startWhatMay()
            }
        }
    }

    /// The question whose turn has come, when there are threads for it.
    private func takeNext() -> String? {
        state.withLock { state in
            guard !state.isOver, let name = state.next() else { return nil }
            // Many servers never look a name up: the threads start with the first lookup. Under the lock, since a pool that is
            // started after its shutdown ends the process.
            threads.start()
            return name
        }
    }

    private func end(_ name: String, _ outcome: Outcome) {
        var outcome = outcome
        if case .success(let addresses) = outcome, addresses.isEmpty { outcome = .failure(.noSuchHost) }
        let answer = state.withLock { [outcome] state in
            switch outcome {
            case .success(let addresses):
                if let asker = state.questions[name]?.turn {
                    state.known.remember(addresses, of: name, for: asker, at: .now)
                }
            // The host exists no longer, so its old addresses are of no use.
            case .failure(.noSuchHost): state.known.forget(name)
            case .failure: break
            }
            return state.end(name)
        }
        answer?.resolve(with: outcome)
    }

    /// Does not wait for lookups that hang: they end with the program.
    package func shutdown() async {
        let waiting = state.withLock { state in
            state.isOver = true
            let names = state.waiting
            state.waiting = []
            return names.compactMap { state.end($0) }
        }
        for answer in waiting { answer.resolve(with: .failure(.failed)) }
        threads.shutdownGracefully { _ in }
    }
}
