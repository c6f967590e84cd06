import AsyncHTTPClient
package import NIOCore
import NIOHTTP1
package import WeirCore

/// Other people's registries, over the OCI distribution protocol.
///
/// Everything that comes back is hostile until the caller has checked its digest. It is bounded here: addresses and redirects
/// (`OutboundGuard`, `RedirectFollower`), logins (`Logins`, `Realm`), sizes, times. Errors name the host and what happened, and
/// hold no secret.
///
/// Each call asks once (twice where a token or a link had expired). `Upstreams`, which wraps this type as another
/// `UpstreamRegistry`, decides whether to repeat a request and how many may run at once.
package final class RegistryClient: UpstreamRegistry {
    let guarding: OutboundGuard
    let follower: RedirectFollower
    let logins: Logins
    let classifier: ResponseClassifier
    let timeouts: UpstreamSettings.Timeouts
    let redirects: Redirects
    let storages: StoragePauses
    let health: UpstreamHealth
    private let connections: Connections

    /// - Parameter clock: tells when tokens end and what a date in `Retry-After` means.
    package convenience init(
        settings: UpstreamSettings, clock: WallClock,
        eventLoopGroup: any EventLoopGroup = HTTPClient.defaultEventLoopGroup
    ) throws(UpstreamSettingsError) {
        try self.init(settings: settings, clock: clock, eventLoopGroup: eventLoopGroup, names: nil)
    }

    /// With another way to look names up, for tests.
    package init(
        settings: UpstreamSettings, clock: WallClock, eventLoopGroup: any EventLoopGroup, names: NameResolver?
    ) throws(UpstreamSettingsError) {
        let problems = settings.problems
        guard problems.isEmpty else { throw UpstreamSettingsError(problems: problems) }
        connections = try Connections(settings, group: eventLoopGroup)
        guarding = OutboundGuard(settings, names: names ?? NameResolver())
        timeouts = settings.timeouts
        let probe = CertificateProbe(group: eventLoopGroup, clock: clock, timeout: timeouts.connect)
        follower = RedirectFollower(
            guarding: guarding, connections: connections, probe: probe, timeouts: timeouts,
            circuits: Circuits(settings.breaker))
        logins = Logins(
            follower: follower, clock: clock, identity: AWSIdentity(settings.awsIdentity, for: settings.awsIdentityAccounts))
        classifier = ResponseClassifier(clock: clock)
        redirects = Redirects(keptFor: settings.redirectsKeptFor)
        storages = StoragePauses(clock: clock)
        health = UpstreamHealth(clock: clock)
    }

    /// Closes every connection, and so breaks off what is still being received. Call it once, at the end.
    package func shutdown() async {
        await connections.shutdown()
        await guarding.shutdown()
    }

    package func resolve(
        _ reference: Reference, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamDescriptor {
        let noun = "the manifest \(reference)"
        let asked = try await look("manifests/\(reference)", ["Accept": Self.accepted], in: source)
        guard let (answer, login) = asked else { return try await descriptor(of: reference, in: source) }
        // A registry without HEAD for manifests: only a GET can tell.
        if answer.status == 405 || answer.status == 501 { return UpstreamDescriptor(digest: nil, mediaType: nil) }
        if classifier.isMerelyALook(answer) { return try await descriptor(of: reference, in: source) }
        guard answer.status == 200 else { throw await classifier.error(for: answer, asking: noun, login: login) }
        let digest = answer.header("docker-content-digest").flatMap { try? Digest($0) }
        return UpstreamDescriptor(digest: digest, mediaType: answer.mediaType)
    }

    /// By a GET, where a HEAD tells nothing.
    private func descriptor(
        of reference: Reference, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamDescriptor {
        let found = try await manifest(reference, in: source)
        return UpstreamDescriptor(digest: Digest(of: found.bytes.readableBytesView), mediaType: found.mediaType)
    }

    package func manifest(
        _ reference: Reference, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamManifest {
        let noun = "the manifest \(reference)"
        let (answer, login) = try await ask(.get, "manifests/\(reference)", ["Accept": Self.accepted], in: source)
        guard answer.status == 200 else { throw await classifier.error(for: answer, asking: noun, login: login) }
        let bytes = try await document(answer, upTo: Manifest.maxBytes, as: noun)
        return UpstreamManifest(bytes: bytes, mediaType: answer.mediaType)
    }

    package func check(_ source: UpstreamSource) async throws(UpstreamError) {
        try await logins.check(source, at: try guarding.upstream(for: source), classifier: classifier)
    }

    package func status(owner: String, host: String) -> UpstreamStatus? {
        guard var status = health.status(owner: owner, host: host) else { return nil }
        if let upstream = health.upstream(owner: owner, host: host) {
            let (breaker, remaining) = follower.circuits.state(of: upstream.base.origin)
            status.breaker = breaker
            if let remaining {
                status.pausedUntil = max(status.pausedUntil ?? health.clock.now, health.clock.now + remaining)
            }
        }
        return status
    }
}

// MARK: Asking

extension RegistryClient {
    static let accepted = MediaType.manifests.joined(separator: ", ")
    private static let spaces: [UInt8] = [0x20, 0x09, 0x0a, 0x0d]

    func ask(
        _ kind: OutboundRequest.Kind, _ path: String, _ headers: HTTPHeaders, in source: UpstreamSource
    ) async throws(UpstreamError) -> (Answer, ResponseClassifier.LoginState) {
        let upstream = try guarding.upstream(for: source)
        let url = upstream.base.appending("/v2/\(source.repository)/\(path)")
        return try await ask(kind, at: url, headers, of: upstream, in: source)
    }

    /// - Parameter url: of `upstream` itself.
    func ask(
        _ kind: OutboundRequest.Kind, at url: OutboundURL, _ headers: HTTPHeaders, of upstream: Upstream,
        in source: UpstreamSource
    ) async throws(UpstreamError) -> (Answer, ResponseClassifier.LoginState) {
        guard Self.isRepository(source.repository) else {
            throw upstream.error(.invalid, "the repository's name would not be one there")
        }
        health.met(upstream, in: source)
        var login = try await logins.login(for: source, at: upstream)
        var request = OutboundRequest(kind: kind, url: url, plainHeaders: headers)
        // The caller of a HEAD has an older answer to fall back on, so it waits only briefly for a probe.
        request.patience = kind == .head ? .milliseconds(100) : .seconds(2)
        request.authorization = login.authorization
        request.redirectToken = try await logins.redirectTokens.token(for: source, at: upstream)
        let started = ContinuousClock.now
        var answer = try await follower.follow(request, for: upstream)
        var renewals = 0
        // Twice at most: for a token that has ended, and then for another scheme.
        while renewals < 2, answer.isFromUpstreamItself, [400, 401, 403].contains(answer.status),
            let renewed = try await logins.login(after: answer, sent: login, for: source)
        {
            await answer.drain()
            login = renewed
            request.authorization = renewed.authorization
            answer = try await follower.follow(request, for: upstream)
            renewals += 1
        }
        if renewals > 0 { logins.note(answer, sent: login) }
        while !answer.isFromUpstreamItself, [400, 401, 403].contains(answer.status),
            let token = try await logins.redirectTokens.token(after: answer, sent: request.redirectToken, for: source)
        {
            await answer.drain()
            request.redirectToken = token
            answer = try await follower.follow(request, for: upstream)
        }
        health.note(answer, after: started.duration(to: .now), in: source)
        return (answer, login.state)
    }

    /// Asks by HEAD. Nil where upstream hung up: some registries hang up on a HEAD and answer a GET.
    func look(
        _ path: String, _ headers: HTTPHeaders, in source: UpstreamSource
    ) async throws(UpstreamError) -> (Answer, ResponseClassifier.LoginState)? {
        do throws(UpstreamError) { return try await ask(.head, path, headers, in: source) } catch {
            guard error.brokeOff, !Task.isCancelled else { throw error }
            return nil
        }
    }

    /// The whole body of `answer`, which must look like a JSON object. Its `Content-Type` does not matter.
    func document(_ answer: Answer, upTo maxBytes: Int, as noun: String) async throws(UpstreamError) -> ByteBuffer {
        let bytes = try await answer.collect(upTo: maxBytes, within: timeouts.document, as: noun)
        let first = bytes.readableBytesView.first { !Self.spaces.contains($0) }
        if first == UInt8(ascii: "{") { return bytes }
        try classifier.demandNoPage(answer, noun)
        let detail =
            bytes.isGzip ? "compressed \(noun), which nobody had asked it to" : "something that is no document as \(noun)"
        throw answer.upstream.error(.invalid, "\(answer.upstream.naming(answer.url)) sent \(detail)", status: answer.status)
    }

    /// A name that cannot leave its place in the path: letters of any case, digits and `._-`, in segments that are not only dots.
    private static func isRepository(_ name: String) -> Bool {
        name.utf8.count <= 1024
            && name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { segment in
                !segment.isEmpty && segment.utf8.contains { $0 != 0x2e }
                    && segment.utf8.allSatisfy {
                        ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5a) || ($0 >= 0x61 && $0 <= 0x7a)
                            || [0x2d, 0x2e, 0x5f].contains($0)
                    }
            }
    }
}

extension ByteBuffer {
    /// RFC 1952, 2.3.1.
    var isGzip: Bool { readableBytesView.starts(with: [0x1f, 0x8b]) }
}
