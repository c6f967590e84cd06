import NIOCore
import NIOHTTP1
import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Asks an upstream's token server for a token (the Docker token protocol; OCI leaves it to that).
struct TokenServer: Sendable {
    /// Larger than any honest token.
    private static let maxBytes = 256 * 1024
    /// Used where the answer names no lifetime, or a shorter one: clients have never believed less.
    private static let usualLife: Duration = .seconds(60)
    private static let longestLife: Duration = .seconds(60 * 60)
    private static let secondTry: Duration = .milliseconds(200)

    let follower: RedirectFollower
    let clock: WallClock

    func token(for key: Tokens.Key, at upstream: Upstream) async throws(UpstreamError) -> Token {
        let asked = clock.now
        let scopes = key.scope.split(separator: " ").map { (name: "scope", value: String($0)) }
        let items = (key.service.map { [(name: "service", value: $0)] } ?? []) + scopes
        let request = OutboundRequest(
            kind: .get, url: key.realm.adding(items), plainHeaders: ["Accept": "application/json"],
            authorization: key.credential?.basicAuthorization)
        var answer = try await follower.follow(request, for: upstream)
        if answer.status == 404, !key.scope.isEmpty {
            // GitLab's token server answers 404 now and then during a pull, and the next try works.
            await answer.drain()
            try? await Task.sleep(for: Self.secondTry)
            answer = try await follower.follow(request, for: upstream)
        }
        guard answer.status == 200 else { throw await refusal(answer, key) }
        let bytes = try await answer.collect(
            upTo: Self.maxBytes, within: follower.timeouts.document, as: "a token")
        return try read(bytes, from: answer, asked: asked)
    }

    private func refusal(_ answer: Answer, _ key: Tokens.Key) async -> UpstreamError {
        let upstream = answer.upstream
        if [401, 403].contains(answer.status) {
            await answer.drain()
            let detail =
                key.credential == nil
                ? "its token server \(answer.url.host) gives no token without a login"
                : "its token server \(answer.url.host) refused the login: is the secret's username and access token right?"
            var error = upstream.error(.denied, detail, status: answer.status, step: .login)
            error.denial = key.credential == nil ? .stranger : .login
            return error
        }
        var verdict = await ResponseClassifier(clock: clock)
            .error(for: answer, asking: "a token", login: key.credential == nil ? .none : .sent)
        // The token server that the registry names speaks for it; one that the token server redirects to does not.
        if answer.url.origin == key.realm.origin { verdict.saidElsewhere = nil }
        guard verdict.kind == .notFound else { return verdict }
        // The question names no repository, so only the token server itself can be missing.
        if key.scope.isEmpty {
            return upstream.error(.invalid, "its token server \(key.realm) does not exist", status: answer.status)
        }
        return upstream.error(
            .notFound, "its token server \(key.realm) knows no such repository, or is not there itself", status: answer.status)
    }

    /// Members of other types than the protocol's are ignored: some servers write numbers as text.
    private struct Reply: Decodable {
        var token: String?
        var accessToken: String?
        var expiresIn: Double?

        private enum CodingKeys: String, CodingKey {
            case token
            case accessToken = "access_token"
            case expiresIn = "expires_in"
        }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: CodingKeys.self)
            token = try? members.decode(String.self, forKey: .token)
            accessToken = try? members.decode(String.self, forKey: .accessToken)
            let text = try? members.decode(String.self, forKey: .expiresIn)
            expiresIn = (try? members.decode(Double.self, forKey: .expiresIn)) ?? text.flatMap { Double($0) }
        }
    }

    private func read(_ bytes: ByteBuffer, from answer: Answer, asked: Timestamp) throws(UpstreamError) -> Token {
        guard let reply = try? JSONDecoder().decode(Reply.self, from: Data(bytes.readableBytesView)),
            let value = [reply.accessToken, reply.token].compactMap({ $0 }).first(where: { !$0.isEmpty }),
            value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else {
            let why = bytes.isGzip ? ": it is compressed, which nobody had asked for" : ""
            throw answer.upstream.error(
                .invalid, "the answer of its token server \(answer.url.host) holds no token" + why, status: answer.status)
        }
        var life = Self.usualLife
        if let seconds = reply.expiresIn, seconds.isFinite, seconds >= 0 {
            life = .microseconds(Int64(saturating: min(seconds, 86_400) * 1_000_000))
        }
        // Renewed a little before it ends, so that no token ends on its way.
        life = min(max(life, Self.usualLife), Self.longestLife)
        return Token(value: value, expiresAt: asked + (life - min(life / 5, .seconds(15))))
    }
}

extension UpstreamCredential {
    /// RFC 7617.
    var basicAuthorization: String {
        "Basic " + Data("\(username):\(accessToken)".utf8).base64EncodedString()
    }
}
