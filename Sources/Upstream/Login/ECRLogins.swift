import NIOCore
import WeirCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Logins to private ECR registries: `GetAuthorizationToken` gives a password for Basic, which is good for twelve hours.
///
/// The request is signed with the key pair of the rule's secret (`username` is the access key, `accessToken` the secret key), or
/// with the server's own keys. Where the rule has a role, those keys first assume it (STS `AssumeRole`). A secret whose username
/// is `AWS` holds a password already.
struct ECRLogins: Sendable {
    /// The account and the region in a registry's host name.
    struct RegistryLocation: Sendable {
        let account: String
        let region: String
        let suffix: String
    }

    private static let maxBytes = 256 * 1024
    private static let session = "weir"

    private let follower: RedirectFollower
    private let clock: WallClock
    private let identity: AWSIdentity
    private let tokens: Tokens

    init(follower: RedirectFollower, clock: WallClock, identity: AWSIdentity) {
        self.follower = follower
        self.clock = clock
        self.identity = identity
        tokens = Tokens(clock: clock)
    }

    /// Nil where the source is no private ECR registry, or its secret holds a password already.
    func location(of source: UpstreamSource) -> RegistryLocation? {
        guard source.kind == .ecr || source.kind == nil, source.credential?.username != "AWS",
            UpstreamKind(host: source.host) == .ecr
        else { return nil }
        let labels = source.host.split(separator: ".").map(String.init)
        return RegistryLocation(account: labels[0], region: labels[3], suffix: labels[4...].joined(separator: "."))
    }

    func login(to location: RegistryLocation, for source: UpstreamSource, at upstream: Upstream) async throws(UpstreamError)
        -> Login
    {
        let key = Tokens.Key(
            owner: source.owner, host: source.host, realm: upstream.base, service: source.roleARN,
            credential: source.credential ?? identity.keys(for: source.account)?.asCredential, scope: "ecr")
        let (token, age) = try await tokens.token(for: key) { [self] () throws(UpstreamError) in
            try await fetch(at: location, for: source, of: upstream)
        }
        return .ecr(token, key, age)
    }

    func forget(_ token: Token, for key: Tokens.Key) { tokens.forget(token, for: key) }

    private func fetch(
        at location: RegistryLocation, for source: UpstreamSource, of upstream: Upstream
    ) async throws(UpstreamError) -> Token {
        let keys = try await keys(at: location, for: source, of: upstream)
        let call = AWSCall.ecr(
            "GetAuthorizationToken", region: location.region, body: #"{"registryIds":["\#(location.account)"]}"#)
        let bytes = try await answer(
            to: call, by: keys, at: try endpoint("api.ecr.\(location.region).\(location.suffix)", of: upstream), of: upstream)
        guard let reply = try? JSONDecoder().decode(Reply.self, from: Data(bytes.readableBytesView)),
            let data = reply.authorizationData?.first, let value = data.authorizationToken, !value.isEmpty,
            value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { throw upstream.error(.invalid, "the answer of GetAuthorizationToken holds no token", step: .login) }
        let now = clock.now
        let end = data.expiresAt.map { Timestamp(seconds: Int64(saturating: $0)) } ?? now + .seconds(12 * 60 * 60)
        // Renewed well before it ends, so that a pull which begins at the last moment can finish.
        let life = max(.zero, min(end - now, .seconds(12 * 60 * 60)))
        return Token(value: value, expiresAt: now + (life - min(life / 5, .seconds(15 * 60))))
    }

    /// The keys that sign the request.
    private func keys(
        at location: RegistryLocation, for source: UpstreamSource, of upstream: Upstream
    ) async throws(UpstreamError) -> AWSKeys {
        let own: AWSKeys
        if let credential = source.credential {
            own = AWSKeys(accessKeyID: credential.username, secretAccessKey: credential.accessToken)
        } else if let keys = identity.keys(for: source.account) {
            own = keys
        } else {
            throw upstream.error(
                .denied,
                "a private ECR registry needs a secret with an access key, \(identity.absence(for: source.account))",
                step: .login)
        }
        guard let role = source.roleARN else { return own }
        // The external id names the rule's account. A role's owner can demand it, so that no other account's rule gets the role.
        let form = [
            ("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", role), ("RoleSessionName", Self.session),
            ("DurationSeconds", "3600"), source.account.map { ("ExternalId", $0.description) },
        ].compactMap { $0 }.map { "\($0)=\(OutboundURL.encoded($1))" }.joined(separator: "&")
        let bytes = try await answer(
            to: .sts(form, region: location.region), by: own,
            at: try endpoint("sts.\(location.region).\(location.suffix)", of: upstream),
            of: upstream)
        let text = String(buffer: bytes)
        guard let id = Self.element("AccessKeyId", of: text), let secret = Self.element("SecretAccessKey", of: text),
            let session = Self.element("SessionToken", of: text)
        else { throw upstream.error(.invalid, "the answer of AssumeRole holds no keys", step: .login) }
        return AWSKeys(accessKeyID: id, secretAccessKey: secret, sessionToken: session)
    }

    /// The place of an AWS service. Where the settings put the upstream elsewhere, its services are there too, unless the
    /// settings name them as well.
    private func endpoint(_ host: String, of upstream: Upstream) throws(UpstreamError) -> Upstream {
        let service = try follower.guarding.upstream(for: host)
        if service.isOverridden || !upstream.isOverridden { return service }
        return Upstream(host: host, base: upstream.base, isOverridden: true, mayBePrivate: upstream.mayBePrivate)
    }

    private func answer(
        to call: AWSCall, by keys: AWSKeys, at service: Upstream, of upstream: Upstream
    ) async throws(UpstreamError) -> ByteBuffer {
        do throws(UpstreamError) {
            let answer = try await follower.follow(call.request(to: service, by: keys, at: clock.now), for: service)
            guard answer.status == 200 else {
                if (400..<500).contains(answer.status), answer.status != 429 {
                    await answer.drain()
                    throw service.error(.denied, "it refused the login", status: answer.status, step: .login)
                }
                throw await ResponseClassifier(clock: clock).error(for: answer, asking: "a login", login: .sent)
            }
            return try await answer.collect(upTo: Self.maxBytes, within: follower.timeouts.document, as: "a login")
        } catch {
            // The error names the registry: the service is only a step on the way to it.
            var told = UpstreamError(
                error.kind == .notFound ? .invalid : error.kind, host: upstream.host,
                "the login failed: \(service.host): \(error.detail)",
                status: error.status, retryAfter: error.retryAfter, step: error.step == .request ? .login : error.step,
                wasAsked: error.wasAsked)
            told.blamesServer = error.blamesServer
            throw told
        }
    }

    /// The text of an element that comes once and holds plain text, as all of STS's keys do.
    private static func element(_ name: String, of text: String) -> String? {
        guard let open = text.firstRange(of: "<\(name)>"), let close = text.firstRange(of: "</\(name)>"),
            open.upperBound < close.lowerBound
        else { return nil }
        let value = text[open.upperBound..<close.lowerBound]
        return value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x3c && $0 != 0x26 } ? String(value) : nil
    }

    private struct Reply: Decodable {
        struct Entry: Decodable {
            var authorizationToken: String?
            var expiresAt: Double?
        }
        var authorizationData: [Entry]?
    }
}

extension AWSKeys {
    /// The keys as a part of the key under which tokens are held.
    fileprivate var asCredential: UpstreamCredential { UpstreamCredential(username: accessKeyID, accessToken: secretAccessKey) }
}
