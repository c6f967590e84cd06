import Synchronization
import WeirCore

/// A bearer token. Its description and its mirror hide it.
struct Token: Sendable, CustomStringConvertible, CustomReflectable {
    let value: String
    let expiresAt: Timestamp

    /// A longer remaining life than any token's means that the clock has gone back since.
    func isGood(at now: Timestamp) -> Bool { expiresAt > now && expiresAt - now <= .seconds(13 * 60 * 60) }

    var description: String { "(a token)" }
    var customMirror: Mirror { Mirror(self, children: []) }
}

/// The tokens held for upstreams, and the requests for more: one request at a time for each key.
///
/// This type owns the request, and not the first caller: that one may hang up while others wait.
final class Tokens: Sendable {
    /// Whose token, from whom, for what. The credential is part of it, so a rotated secret counts at once.
    struct Key: Hashable, Sendable {
        let owner: String
        let host: String
        let realm: OutboundURL
        let service: String?
        let credential: UpstreamCredential?
        /// Empty for a login that only tests whether it is accepted.
        let scope: String
    }

    /// Where a token came from: a fresh one that is refused will be refused again.
    enum Age: Sendable {
        case held, fresh
        /// Held, and a new one was refused a moment ago as well: the refusals are not the token's fault.
        case excused
    }

    typealias Fetch = @Sendable () async throws(UpstreamError) -> Token

    private enum Entry {
        /// Leaves to `.held` when the token comes; removed when it does not.
        case asked(Task<Result<Token, UpstreamError>, Never>)
        case held(Token, excusedUntil: Timestamp?)
    }

    private enum Step {
        case use(Token, Age)
        case wait(Task<Result<Token, UpstreamError>, Never>)
    }

    private static let excuse: Duration = .seconds(60)

    private let clock: WallClock
    /// A key that is forgotten while it is asked for is asked for once more, where another one wants it meanwhile.
    private let entries = Mutex(BoundedMap<Key, Entry>(capacity: 4096))

    init(clock: WallClock) { self.clock = clock }

    func token(for key: Key, fetch: @escaping Fetch) async throws(UpstreamError) -> (Token, Age) {
        let now = clock.now
        let step = entries.withLock { entries -> Step in
            switch entries[key] {
            case .held(let token, let until) where token.isGood(at: now):
                let isExcused = until.map { $0 > now && $0 - now <= Self.excuse } ?? false
                return .use(token, isExcused ? .excused : .held)
            case .asked(let task): return .wait(task)
            case .held, nil:
                // Bounded by the time limits of the request itself, so it needs no cancelling.
                let task = Task { await self.settle(key, fetch) }
                entries[key] = .asked(task)
                return .wait(task)
            }
        }
        switch step {
        case .use(let token, let age): return (token, age)
        case .wait(let task): return (try await task.value.get(), .fresh)
        }
    }

    /// Drops `token`, which upstream refused, unless another has taken its place.
    func forget(_ token: Token, for key: Key) {
        entries.withLock {
            if case .held(let held, _) = $0[key], held.value == token.value { $0[key] = nil }
        }
    }

    /// A new token was refused like the one before: for a minute no refusal is blamed on it.
    func excuse(_ token: Token, for key: Key) {
        let until = clock.now + Self.excuse
        entries.withLock {
            if case .held(let held, _) = $0[key], held.value == token.value { $0[key] = .held(held, excusedUntil: until) }
        }
    }

    private func settle(_ key: Key, _ fetch: Fetch) async -> Result<Token, UpstreamError> {
        let result: Result<Token, UpstreamError>
        do throws(UpstreamError) { result = .success(try await fetch()) } catch { result = .failure(error) }
        let held = try? result.get()
        entries.withLock { $0[key] = held.map { .held($0, excusedUntil: nil) } }
        return result
    }
}
