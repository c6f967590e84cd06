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

    /// The request names no user: it carries no login, or an anonymous token.
    var isNobody: Bool { state == .none }

    /// A held token, which a new one could replace.
    var isHeldToken: Bool {
        if case .bearer(_, _, .held) = self { true } else { false }
    }

    /// What a refusal can be about.
    var state: ResponseClassifier.LoginState {
        switch self {
        case .none: .none
        case .basic, .ecr: .sent
        case .bearer(_, let key, _): key.credential == nil ? .none : .taken
        }
    }
}

/// Knows how each upstream wants to be asked, and holds the logins.
///
/// The first challenge tells what an upstream demands. It is remembered for each rule, so that later requests carry their login
/// at once. A credential leaves in two ways only: by Basic to the upstream's own origin, and by Basic to a token server that
/// `Realm` accepts as the upstream's own.
final class Logins: Sendable {
    private typealias Scheme = Demand.Scheme

    private struct Place: Hashable {
        let owner: String
        let host: String
        /// Nil for what holds for all of the host's repositories.
        var repository: String?
    }

    private let follower: RedirectFollower
    private let tokenServer: TokenServer
    private let tokens: Tokens
    private let ecr: ECRLogins
    let redirectTokens: RedirectTokens
    /// More than there are rules. What is forgotten is learned anew.
    private let schemes = Mutex(BoundedMap<Place, Scheme>(capacity: 10_000))
    /// Scopes that repositories demand beside `repository:NAME:pull`.
    private let scopes = Mutex(BoundedMap<Place, String>(capacity: 10_000))

    init(follower: RedirectFollower, clock: WallClock, identity: AWSIdentity) {
        self.follower = follower
        tokenServer = TokenServer(follower: follower, clock: clock)
        tokens = Tokens(clock: clock)
        ecr = ECRLogins(follower: follower, clock: clock, identity: identity)
        redirectTokens = RedirectTokens(tokenServer: tokenServer, tokens: tokens)
    }

    /// The login to begin with. Without a credential none is known before the first challenge. With a credential the upstream is
    /// asked once what it demands: one that also serves anonymous clients would never challenge, and the credential would not be
    /// used.
    func login(for source: UpstreamSource, at upstream: Upstream) async throws(UpstreamError) -> Login {
        if let place = ecr.location(of: source) { return try await ecr.login(to: place, for: source, at: upstream) }
        var scheme = known(source)
        if scheme == nil, source.credential != nil {
            scheme = try await ping(upstream)
            if let scheme { remember(scheme, for: source) }
        }
        guard let scheme else { return .none }
        return try await login(by: scheme, for: source, at: upstream)
    }

    /// The login to try after `answer`, a 400, 401 or 403 of the upstream itself; nil where the refusal is final.
    ///
    /// A 401 says what is demanded. With a held token any of the three may mean that the token has ended: public.ecr.aws says 400
    /// then, ghcr.io 403, and Harbor challenges for Basic.
    func login(
        after answer: Answer, sent: Login, for source: UpstreamSource
    ) async throws(UpstreamError) -> Login? {
        if case .ecr(let token, let key, let age) = sent {
            guard age == .held, answer.status != 400 else { return nil }
            ecr.forget(token, for: key)
            return try await login(for: source, at: answer.upstream)
        }
        let demand = answer.status == 401 ? try Demand(answer) : nil
        guard let demand, demand.isBearer || !sent.isHeldToken else {
            return try await renewed(sent, for: source, at: answer.upstream)
        }
        let scheme = demand.scheme
        let before = known(source)
        remember(scheme, for: source)
        let isNewScope = demand.scope.map { remember(scope: $0, for: source) } ?? false
        switch (scheme, sent) {
        case (.nothing, _): return nil
        case (.basic, .basic): return nil
        case (.basic, _): if source.credential == nil { return nil }
        case (.bearer, .bearer(let token, let key, let age)):
            // A fresh token that was refused will be refused again.
            if age == .fresh, before == scheme, !isNewScope { return nil }
            tokens.forget(token, for: key)
        case (.bearer, _): break
        }
        return try await login(by: scheme, for: source, at: answer.upstream)
    }

    /// A new token in the place of a held one; nil where none was held, or the refusal was not its fault. Throws the token
    /// server's refusal where it gives no new one.
    private func renewed(_ sent: Login, for source: UpstreamSource, at upstream: Upstream) async throws(UpstreamError) -> Login? {
        guard case .bearer(let token, let key, .held) = sent else { return nil }
        tokens.forget(token, for: key)
        return try await login(by: .bearer(realm: key.realm, service: key.service), for: source, at: upstream)
    }

    /// Notes the outcome of a request with a fresh token: where it was refused too, the token is not to blame.
    func note(_ answer: Answer, sent login: Login) {
        guard case .bearer(let token, let key, .fresh) = login, [400, 401, 403].contains(answer.status) else { return }
        tokens.excuse(token, for: key)
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
                    "its token realm \(realm) \(objection): no login is sent there. If it is meant, start the server with "
                        + "--trust-realm \(upstream.host)=\(realm.host)", step: .login)
            }
            let key = Tokens.Key(
                owner: source.owner, host: source.host, realm: realm, service: service,
                credential: source.credential,
                scope: scope(for: source))
            let (token, age) = try await tokens.token(for: key) { [tokenServer] () throws(UpstreamError) in
                try await tokenServer.token(for: key, at: upstream)
            }
            return .bearer(token, key, age)
        }
    }

    /// `GET /v2/`, which registries answer with their challenge. Any other answer but 429 and 5xx counts as no demand.
    private func ping(_ upstream: Upstream) async throws(UpstreamError) -> Scheme? {
        let request = OutboundRequest(kind: .get, url: upstream.base.appending("/v2/"), plainHeaders: [:])
        let answer = try await follower.follow(request, for: upstream)
        await answer.drain()
        switch answer.status {
        // The scope is that of `/v2/`: it is of no use for a repository.
        case 401 where answer.isFromUpstreamItself: return try Demand(answer)?.scheme
        // Busy or down: the next request asks again.
        case 429, 500...: return nil
        default: return .nothing
        }
    }

    /// Connects, finds out what is demanded, and tries the login. Held tokens and open circuits are ignored.
    func check(_ source: UpstreamSource, at upstream: Upstream, classifier: ResponseClassifier) async throws(UpstreamError) {
        let own = source.onTrial()
        var request = OutboundRequest(kind: .get, url: upstream.base.appending("/v2/"), plainHeaders: [:])
        request.ignoresCircuit = true
        let first = try await follower.follow(request, for: upstream)
        if first.status == 429 || first.status >= 500 {
            throw await classifier.error(for: first, asking: "its front page /v2/", login: .none)
        }
        await first.drain()
        let login: Login
        if let place = ecr.location(of: own) {
            login = try await ecr.login(to: place, for: own, at: upstream)
        } else if first.status == 401, first.isFromUpstreamItself, let demand = try Demand(first) {
            login = try await self.login(by: demand.scheme, for: own, at: upstream)
        } else {
            return
        }
        guard let authorization = login.authorization, !login.isNobody else { return }
        request.authorization = authorization
        let second = try await follower.follow(request, for: upstream)
        guard second.status == 401 else { return await second.drain() }
        throw await classifier.error(for: second, asking: "its front page /v2/", login: .sent)
    }

    /// The scope to ask a token for. What the registry demanded comes first, since some token servers look at no more.
    private func scope(for source: UpstreamSource) -> String {
        if source.repository.isEmpty { return "" }
        let usual = "repository:\(source.repository):pull"
        let demanded = scopes.withLock {
            $0.count == 0 ? nil : $0[Place(owner: source.owner, host: source.host, repository: source.repository)]
        }
        guard let demanded else { return usual }
        return "\(demanded) \(usual)"
    }

    /// False for a scope that names another repository: such a token is of no use here. Where the registry is reached through
    /// another one, its name for the repository may be longer than ours, or shorter.
    private static func isMeant(_ word: Substring, for repository: String) -> Bool {
        guard word.hasPrefix("repository"), let first = word.firstIndex(of: ":"), let last = word.lastIndex(of: ":"), first < last
        else { return true }
        let name = word[word.index(after: first)..<last]
        return name == repository || name.hasSuffix("/" + repository) || repository.hasSuffix("/" + name)
    }

    /// True where the scope is new.
    private func remember(scope: String, for source: UpstreamSource) -> Bool {
        let usual = "repository:\(source.repository):pull"
        let words = scope.split(separator: " ").filter { $0 != usual && Self.isMeant($0, for: source.repository) }
        guard !words.isEmpty, !source.repository.isEmpty else { return false }
        let place = Place(owner: source.owner, host: source.host, repository: source.repository)
        let more = words.joined(separator: " ")
        return scopes.withLock { scopes in
            defer { scopes[place] = more }
            return scopes[place] != more
        }
    }

    private func known(_ source: UpstreamSource) -> Scheme? {
        schemes.withLock { $0[Place(owner: source.owner, host: source.host)] }
    }

    private func remember(_ scheme: Scheme, for source: UpstreamSource) {
        schemes.withLock { $0[Place(owner: source.owner, host: source.host)] = scheme }
    }
}
