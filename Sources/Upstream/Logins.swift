import AsyncHTTPClient
import NIOHTTP1
import Synchronization
import WeirCore

/// What is sent along with a request to say who asks.
enum Login: Sendable {
    case none
    case basic(UpstreamCredential)
    case bearer(Token, Tokens.Key, Tokens.Age)
    /// A private ECR registry's password.
    case ecr(Token, Tokens.Key, Tokens.Age)

    var authorization: String? {
        switch self {
        case .none: nil
        case .basic(let credential): credential.basicAuthorization
        case .bearer(let token, _, _): "Bearer \(token.value)"
        case .ecr(let token, _, _): "Basic \(token.value)"
        }
    }

    var isECR: Bool {
        if case .ecr = self { true } else { false }
    }

    /// Nobody's name is in it: sent with no login, or with a token that everybody gets.
    var isNobody: Bool {
        switch self {
        case .none: true
        case .basic, .ecr: false
        case .bearer(_, let key, _): key.credential == nil
        }
    }
}

/// Knows how each upstream wants to be asked, and holds the logins.
///
/// What an upstream demands is learned from its first challenge and remembered for each rule, so that later requests carry their
/// login at once. A credential leaves in two ways only: by Basic to the upstream's own origin, and by Basic to a token server that
/// `Realm` finds to be the upstream's own.
final class Logins: Sendable {
    private enum Scheme: Sendable, Equatable {
        /// Asked, and nothing was demanded.
        case nothing
        case basic
        case bearer(realm: OutboundURL, service: String?)
    }

    private struct Place: Hashable {
        let owner: String
        let host: String
    }

    /// More than there are rules; when it is hit, everything is learned anew.
    private static let maxPlaces = 10_000

    private let hops: Hops
    private let tokenServer: TokenServer
    private let tokens: Tokens
    private let ecr: ECRLogins
    private let schemes = Mutex<[Place: Scheme]>([:])

    init(hops: Hops, clock: WallClock, identity: AWSIdentity) {
        self.hops = hops
        tokenServer = TokenServer(hops: hops, clock: clock)
        tokens = Tokens(clock: clock)
        ecr = ECRLogins(hops: hops, clock: clock, identity: identity)
    }

    /// The login to begin with. Without a credential nothing is known before the first challenge; with one the upstream is asked
    /// once what it wants, as one that also answers strangers would never challenge, and the credential would not count.
    func login(for source: UpstreamSource, at upstream: Upstream) async throws(UpstreamError) -> Login {
        if let place = ecr.place(of: source) { return try await ecr.login(to: place, for: source, at: upstream) }
        var scheme = known(source)
        if scheme == nil, source.credential != nil {
            scheme = try await ping(upstream)
            if let scheme { remember(scheme, for: source) }
        }
        guard let scheme else { return .none }
        return try await login(by: scheme, for: source, at: upstream)
    }

    /// The login to try after `answer`, a 401 of the upstream itself; nil where the refusal is final.
    func login(
        after answer: Answer, sent: Login, for source: UpstreamSource
    ) async throws(UpstreamError) -> Login? {
        if case .ecr(let token, let key, let age) = sent {
            guard age == .held else { return nil }
            ecr.forget(token, for: key)
            return try await login(for: source, at: answer.upstream)
        }
        guard let scheme = try Self.demanded(by: answer) else { return nil }
        let before = known(source)
        remember(scheme, for: source)
        switch (scheme, sent) {
        case (.nothing, _): return nil
        case (.basic, .basic): return nil
        case (.basic, _): if source.credential == nil { return nil }
        case (.bearer, .bearer(let token, let key, let age)):
            // A token made a moment ago will not get better by asking again.
            if age == .fresh, before == scheme { return nil }
            tokens.forget(token, for: key)
        case (.bearer, _): break
        }
        return try await login(by: scheme, for: source, at: answer.upstream)
    }

    private func login(
        by scheme: Scheme, for source: UpstreamSource, at upstream: Upstream
    ) async throws(UpstreamError) -> Login {
        switch scheme {
        case .nothing: return .none
        case .basic: return source.credential.map { .basic($0) } ?? .none
        case .bearer(let realm, let service):
            let objection =
                source.credential == nil
                ? Realm.downgrade(to: realm, of: upstream) : Realm.objection(to: realm, of: upstream)
            if let objection {
                throw upstream.error(
                    .guarded,
                    "its token realm \(realm) \(objection): no login is sent there. "
                        + "If it is meant, trust that realm for this upstream", step: .login)
            }
            let key = Tokens.Key(
                owner: source.owner, host: source.host, realm: realm, service: service,
                credential: source.credential,
                scope: source.repository.isEmpty ? "" : "repository:\(source.repository):pull")
            let (token, age) = try await tokens.token(for: key) { [tokenServer] () throws(UpstreamError) in
                try await tokenServer.token(for: key, at: upstream)
            }
            return .bearer(token, key, age)
        }
    }

    /// `GET /v2/`, which every registry answers with its challenge. One that does otherwise is taken as it comes.
    private func ping(_ upstream: Upstream) async throws(UpstreamError) -> Scheme? {
        let request = OutboundRequest(kind: .get, url: upstream.base.appending("/v2/"), plainHeaders: [:])
        let answer = try await hops.follow(request, for: upstream)
        await answer.drain()
        switch answer.status {
        case 401 where answer.isFromUpstreamItself: return try Self.demanded(by: answer)
        // Busy or down: the next request asks again.
        case 429, 500...: return nil
        default: return .nothing
        }
    }

    /// Connects, finds out what is demanded, and tries the login. Nothing held counts.
    func check(_ source: UpstreamSource, at upstream: Upstream, verdict: Verdict) async throws(UpstreamError) {
        let own = source.onTrial()
        var request = OutboundRequest(kind: .get, url: upstream.base.appending("/v2/"), plainHeaders: [:])
        request.ignoresCircuit = true
        let first = try await hops.follow(request, for: upstream)
        if first.status == 429 || first.status >= 500 {
            throw await verdict.error(for: first, asking: "its front page /v2/", login: .none)
        }
        await first.drain()
        let login: Login
        if let place = ecr.place(of: own) {
            login = try await ecr.login(to: place, for: own, at: upstream)
        } else if first.status == 401, first.isFromUpstreamItself, let scheme = try Self.demanded(by: first) {
            login = try await self.login(by: scheme, for: own, at: upstream)
        } else {
            return
        }
        guard let authorization = login.authorization, !login.isNobody else { return }
        request.authorization = authorization
        let second = try await hops.follow(request, for: upstream)
        guard second.status == 401 else { return await second.drain() }
        throw await verdict.error(for: second, asking: "its front page /v2/", login: .sent)
    }

    /// The strongest scheme of a 401 that is spoken here; nil where there is none.
    private static func demanded(by answer: Answer) throws(UpstreamError) -> Scheme? {
        let challenges = answer.response.headers["www-authenticate"].flatMap { Challenge.parse($0) }
        if let bearer = challenges.first(where: { $0.scheme == "bearer" && $0.parameters["realm"] != nil }),
            let text = bearer.parameters["realm"]
        {
            do throws(URLRefusal) {
                return .bearer(realm: try OutboundURL(text), service: bearer.parameters["service"])
            } catch {
                throw answer.upstream.error(
                    .guarded, "its token realm '\(shown(text))' \(error.reason): no login is sent there")
            }
        }
        return challenges.contains { $0.scheme == "basic" } ? .basic : nil
    }

    /// A stranger's text for a message: without what a query may hold, and short.
    private static func shown(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix { $0 != "?" }.prefix(100).filter {
                    $0.isASCII && $0.value > 0x20 && $0.value < 0x7f && $0 != "'"
                }))
    }

    private func known(_ source: UpstreamSource) -> Scheme? {
        schemes.withLock { $0[Place(owner: source.owner, host: source.host)] }
    }

    private func remember(_ scheme: Scheme, for source: UpstreamSource) {
        schemes.withLock {
            if $0.count >= Self.maxPlaces { $0.removeAll() }
            $0[Place(owner: source.owner, host: source.host)] = scheme
        }
    }
}
