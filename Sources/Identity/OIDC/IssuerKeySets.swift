import Synchronization
package import WeirCore

/// The keys of issuers: held (`KeySetCache`), and fetched where they are not. All who want the keys of one issuer at the same
/// time share one fetch, which is a task of its own: it goes on when the client that caused it hangs up.
package final class IssuerKeySets: Sendable {
    /// Longer than any issuer's.
    static let maxConfigurationBytes = 64 * 1024
    /// Fetches at a time. Each holds two small documents, and its time is bounded by the port.
    private static let mostFetches = 64

    private struct State {
        var cache = KeySetCache()
        var fetches: [OIDCIssuer: Task<Void, Never>] = [:]
    }

    private enum Step {
        case done(KeySetCache.Answer)
        case wait(Task<Void, Never>)
    }

    private let port: any IssuerKeys
    private let clock: WallClock
    private let state = Mutex(State())

    /// - Parameter clock: tells how old keys are.
    package init(port: any IssuerKeys, clock: WallClock) {
        self.port = port
        self.clock = clock
    }

    /// The keys to check a token of `issuer` with that names `keyID`; they need not hold that key. Throws where there are none.
    package func keys(of issuer: OIDCIssuer, keyID: String?) async throws(IssuerKeysError) -> KeySetCache.Found {
        let step = state.withLock { state -> Step in begin(issuer, keyID, in: &state) }
        let answer: KeySetCache.Answer
        switch step {
        case .done(let known): answer = known
        case .wait(let fetch):
            await fetch.value
            answer = state.withLock { $0.cache.settled(for: issuer, now: clock.now) }
        }
        switch answer {
        case .use(let found), .useWhileFetching(let found): return found
        case .refuse(let error): throw error
        case .fetch: throw Self.tooMany
        }
    }

    private func begin(_ issuer: OIDCIssuer, _ keyID: String?, in state: inout State) -> Step {
        let now = clock.now
        let answer = state.cache.answer(for: issuer, keyID: keyID, now: now)
        switch answer {
        case .use, .refuse: return .done(answer)
        case .useWhileFetching:
            _ = start(issuer, in: &state)
            return .done(answer)
        case .fetch:
            if let fetch = start(issuer, in: &state) { return .wait(fetch) }
            if case .use(let found) = state.cache.settled(for: issuer, now: now) { return .done(.use(found)) }
            return .done(.refuse(Self.tooMany))
        }
    }

    /// The fetch that runs, or a new one; nil where too many run.
    private func start(_ issuer: OIDCIssuer, in state: inout State) -> Task<Void, Never>? {
        if let fetch = state.fetches[issuer] { return fetch }
        guard state.fetches.count < Self.mostFetches else { return nil }
        let fetch = Task { await self.fetch(issuer) }
        state.fetches[issuer] = fetch
        return fetch
    }

    private func fetch(_ issuer: OIDCIssuer) async {
        do throws(IssuerKeysError) {
            let (keys, maxAge) = try await ask(issuer)
            state.withLock { state in
                state.cache.fetched(keys, maxAge: maxAge, of: issuer, now: clock.now)
                state.fetches[issuer] = nil
            }
        } catch {
            state.withLock { state in
                state.cache.failed(error, of: issuer, now: clock.now)
                state.fetches[issuer] = nil
            }
        }
    }

    /// The configuration, then the keys that it names (OpenID Connect Discovery 1.0, 4).
    private func ask(_ issuer: OIDCIssuer) async throws(IssuerKeysError) -> (JSONWebKeySet, Duration?) {
        let configuration = try await port.document(
            at: issuer.configurationURL, of: issuer.url, maxBytes: Self.maxConfigurationBytes)
        let url = try Self.keysURL(in: configuration.bytes, of: issuer)
        let document = try await port.document(at: url, of: issuer.url, maxBytes: JSONWebKeySet.maxBytes)
        do throws(JSONWebKeySet.Fault) {
            return (try JSONWebKeySet(parsing: document.bytes), document.maxAge)
        } catch {
            throw IssuerKeysError(.invalid, "\(error)")
        }
    }

    /// `jwks_uri` of a configuration that is this issuer's own.
    static func keysURL(in bytes: [UInt8], of issuer: OIDCIssuer) throws(IssuerKeysError) -> String {
        guard bytes.count <= maxConfigurationBytes, let configuration = try? JSONValue(parsing: bytes, depth: 16, values: 2_000)
        else { throw IssuerKeysError(.invalid, "its configuration is not strict JSON") }
        guard let named = configuration["issuer"]?.string, named.utf8.elementsEqual(issuer.url.utf8) else {
            throw IssuerKeysError(.invalid, "its configuration names another issuer, or another spelling of this one")
        }
        guard let url = configuration["jwks_uri"]?.string else {
            throw IssuerKeysError(.invalid, "its configuration has no jwks_uri")
        }
        // Where the issuer itself may speak plain http, so may its keys: the port asks no other host so.
        guard issuer.isPlain || url.utf8.starts(with: "https://".utf8) else {
            throw IssuerKeysError(.invalid, "its jwks_uri is not https")
        }
        return url
    }

    private static let tooMany = IssuerKeysError(.unavailable, "too many issuers are being asked for their keys")
}
