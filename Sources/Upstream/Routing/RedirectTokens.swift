import Synchronization
import WeirCore

/// An anonymous token for the registry that an upstream redirects to. It is sent there and nowhere else.
struct RedirectToken: Sendable {
    /// Where it is sent.
    let origin: Origin
    let token: Token
    let key: Tokens.Key
    let age: Tokens.Age

    var authorization: String { "Bearer \(token.value)" }
}

/// Tokens for the registries that some upstreams redirect to: lscr.io and cr.l5d.io send to ghcr.io, for example, which has a
/// token server of its own and demands its own token.
///
/// The token is anonymous. The rule's login is meant for the upstream and never goes along. Where the target demands a login the
/// pull is refused, and the refusal names both hosts.
final class RedirectTokens: Sendable {
    private struct Place: Hashable {
        let owner: String
        let host: String
        let repository: String
    }

    private struct Target: Sendable {
        let origin: Origin
        let key: Tokens.Key
    }

    private let tokenServer: TokenServer
    private let tokens: Tokens
    /// What is forgotten is learned anew.
    private let known = Mutex(BoundedMap<Place, Target>(capacity: 10_000))

    init(tokenServer: TokenServer, tokens: Tokens) {
        self.tokenServer = tokenServer
        self.tokens = tokens
    }

    /// A token for where the upstream redirected to the last time; nil where it did not, and where no token is to be had now.
    func token(for source: UpstreamSource, at upstream: Upstream) async throws(UpstreamError) -> RedirectToken? {
        guard let target = known.withLock({ $0.isEmpty ? nil : $0[Self.place(of: source)] }) else { return nil }
        do throws(UpstreamError) { return try await token(for: target, at: upstream) } catch {
            // The upstream may redirect elsewhere today, or the target demand nothing.
            forget(source)
            return nil
        }
    }

    /// The token to try after `answer`, a refusal by another registry than upstream; nil where the refusal is final.
    func token(
        after answer: Answer, sent: RedirectToken?, for source: UpstreamSource
    ) async throws(UpstreamError) -> RedirectToken? {
        if let sent, sent.origin == answer.url.origin {
            // A fresh token that was refused will be refused again.
            guard sent.age == .held else { return nil }
            tokens.forget(sent.token, for: sent.key)
            return try await token(for: Target(origin: sent.origin, key: sent.key), at: answer.upstream)
        }
        guard sent == nil, answer.status == 401, let target = try target(of: answer, for: source) else { return nil }
        let token: RedirectToken
        do throws(UpstreamError) { token = try await self.token(for: target, at: answer.upstream) } catch {
            throw Self.refusal(error, behind: answer)
        }
        known.withLock { $0[Self.place(of: source)] = target }
        return token
    }

    private func token(for target: Target, at upstream: Upstream) async throws(UpstreamError) -> RedirectToken {
        let key = target.key
        let (token, age) = try await tokens.token(for: key) { [tokenServer] () throws(UpstreamError) in
            try await tokenServer.token(for: key, at: upstream)
        }
        return RedirectToken(origin: target.origin, token: token, key: key, age: age)
    }

    /// Nil where the answer is no registry's: a storage demands a login too, of a request without a signed link.
    private func target(of answer: Answer, for source: UpstreamSource) throws(UpstreamError) -> Target? {
        guard let name = Self.repository(in: answer.url.path), let demand = try? Demand(answer),
            case .bearer(let realm, let service) = demand.scheme,
            answer.url.scheme == .http || realm.scheme == .https
        else { return nil }
        let key = Tokens.Key(
            owner: source.owner, host: "\(source.host) to \(answer.url.origin)", realm: realm, service: service, credential: nil,
            scope: demand.scope ?? "repository:\(name):pull")
        return Target(origin: answer.url.origin, key: key)
    }

    /// The repository `a/b` in `/v2/a/b/manifests/latest`, whatever stands before `v2`.
    private static func repository(in path: String) -> Substring? {
        let parts = path.split(separator: "/")
        guard parts.count >= 4, let root = parts.firstIndex(of: "v2"), root < parts.count - 3,
            ["manifests", "blobs", "referrers", "tags"].contains(parts[parts.count - 2])
        else { return nil }
        return path[parts[root + 1].startIndex..<parts[parts.count - 3].endIndex]
    }

    private static func refusal(_ error: UpstreamError, behind answer: Answer) -> UpstreamError {
        guard error.kind == .denied else { return error }
        var told = answer.upstream.error(
            .denied,
            "the registry \(answer.url.host) that it sends to gives this to nobody without a login, and a login for "
                + "\(answer.upstream.host) does not go there: make a rule for \(answer.url.host) itself",
            status: error.status)
        told.saidElsewhere = "\(answer.url.host)"
        told.denial = .elsewhere
        return told
    }

    private func forget(_ source: UpstreamSource) { known.withLock { $0[Self.place(of: source)] = nil } }

    private static func place(of source: UpstreamSource) -> Place {
        Place(owner: source.owner, host: source.host, repository: source.repository)
    }
}
