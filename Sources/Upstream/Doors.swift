import Synchronization
import WeirCore

/// A token for strangers that goes to one other registry, and nowhere else.
struct Pass: Sendable {
    /// To whom it is sent.
    let origin: Origin
    let token: Token
    let key: Tokens.Key
    let age: Tokens.Age

    var authorization: String { "Bearer \(token.value)" }
}

/// Registries that are only doors: they redirect what they are asked to another registry, which has a token server of its own and
/// wants its own token (lscr.io and cr.l5d.io send to ghcr.io, for example).
///
/// A token that everybody may have is fetched there and sent there. The rule's login is none of that registry's business and
/// never goes along: what is private behind a door is refused, and the refusal names both hosts.
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

    /// When it is hit, everything is learned anew.
    private static let maxDoors = 10_000

    private let tokenServer: TokenServer
    private let tokens: Tokens
    private let known = Mutex<[Place: Door]>([:])

    init(tokenServer: TokenServer, tokens: Tokens) {
        self.tokenServer = tokenServer
        self.tokens = tokens
    }

    /// What the registry behind the door wanted the last time; nil where there is no door, and where no token is to be had now.
    func pass(for source: UpstreamSource, at upstream: Upstream) async throws(UpstreamError) -> Pass? {
        guard let door = known.withLock({ $0.isEmpty ? nil : $0[Self.place(of: source)] }) else { return nil }
        do throws(UpstreamError) { return try await pass(door, at: upstream) } catch {
            // The registry behind may send elsewhere today, or want nothing.
            forget(source)
            return nil
        }
    }

    /// The token to try after `answer`, in which another registry than upstream refuses; nil where that is final.
    func pass(
        beyond answer: Answer, sent: Pass?, for source: UpstreamSource
    ) async throws(UpstreamError) -> Pass? {
        if let sent, sent.origin == answer.url.origin {
            // A token made a moment ago will not get better by asking again.
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

    /// Nil where the answer is that of no registry: storages demand logins too, of those who come without a link.
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

    /// `a/b` of `/v2/a/b/manifests/latest`, whatever stands before.
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
