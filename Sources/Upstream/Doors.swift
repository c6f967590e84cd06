import Synchronization
import WeirCore

/// An anonymous token for one other registry. It is sent nowhere else.
struct Pass: Sendable {
    /// The registry that it is sent to.
    let origin: Origin
    let token: Token
    let key: Tokens.Key
    let age: Tokens.Age

    var authorization: String { "Bearer \(token.value)" }
}

/// Registries that redirect their requests to another registry, which has a token server of its own and wants its own token
/// (lscr.io and cr.l5d.io redirect to ghcr.io, for example).
///
/// An anonymous token is fetched from that token server and sent to that registry. The rule's login never goes there: a private
/// image behind such a redirect is refused, and the refusal names both hosts.
final class Doors: Sendable {
    private struct Place: Hashable {
        let owner: String
        let host: String
        let repository: String
    }

    private struct Door: Sendable {
        let origin: Origin
        let key: Tokens.Key
    }

    /// At this number the table is emptied, and everything is learned anew.
    private static let maxDoors = 10_000

    private let tokenServer: TokenServer
    private let tokens: Tokens
    private let known = Mutex<[Place: Door]>([:])

    init(tokenServer: TokenServer, tokens: Tokens) {
        self.tokenServer = tokenServer
        self.tokens = tokens
    }

    /// The token that the registry behind the redirect wanted last time; nil where there is no redirect, or no token to be had
    /// now.
    func pass(for source: UpstreamSource, at upstream: Upstream) async throws(UpstreamError) -> Pass? {
        guard let door = known.withLock({ $0.isEmpty ? nil : $0[Self.place(of: source)] }) else { return nil }
        do throws(UpstreamError) { return try await pass(door, at: upstream) } catch {
            // The upstream may redirect elsewhere by now, or the registry behind it may want no token.
            forget(source)
            return nil
        }
    }

    /// The token to try after `answer`, a refusal by another registry than upstream; nil where the refusal is final.
    func pass(
        beyond answer: Answer, sent: Pass?, for source: UpstreamSource
    ) async throws(UpstreamError) -> Pass? {
        if let sent, sent.origin == answer.url.origin {
            // A fresh token that was refused will be refused again.
            guard sent.age == .held else { return nil }
            tokens.forget(sent.token, for: sent.key)
            return try await pass(Door(origin: sent.origin, key: sent.key), at: answer.upstream)
        }
        guard sent == nil, answer.status == 401, let door = try door(to: answer, for: source) else { return nil }
        let pass: Pass
        do throws(UpstreamError) { pass = try await self.pass(door, at: answer.upstream) } catch {
            throw Self.refusal(error, behind: answer)
        }
        known.withLock {
            if $0.count >= Self.maxDoors { $0.removeAll() }
            $0[Self.place(of: source)] = door
        }
        return pass
    }

    private func pass(_ door: Door, at upstream: Upstream) async throws(UpstreamError) -> Pass {
        let key = door.key
        let (token, age) = try await tokens.token(for: key) { [tokenServer] () throws(UpstreamError) in
            try await tokenServer.token(for: key, at: upstream)
        }
        return Pass(origin: door.origin, token: token, key: key, age: age)
    }

    /// Nil where the answer is no registry's: storages demand logins too, where a request comes without a signed link.
    private func door(to answer: Answer, for source: UpstreamSource) throws(UpstreamError) -> Door? {
        guard let name = Self.repository(in: answer.url.path), let demand = try? Demand(answer),
            case .bearer(let realm, let service) = demand.scheme,
            answer.url.scheme == .http || realm.scheme == .https
        else { return nil }
        let key = Tokens.Key(
            owner: source.owner, host: "\(source.host) to \(answer.url.origin)", realm: realm, service: service, credential: nil,
            scope: demand.scope ?? "repository:\(name):pull")
        return Door(origin: answer.url.origin, key: key)
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
