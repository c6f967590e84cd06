import AsyncHTTPClient
package import NIOCore
import NIOHTTP1
package import WeirCore

/// Other people's registries, over the OCI distribution protocol.
///
/// Everything that comes back is hostile until the caller has checked its digest, and is bounded here: addresses and redirects
/// (`OutboundGuard`, `Hops`), logins (`Logins`, `Realm`), sizes, times. Errors name the host and what happened, and hold no secret.
///
/// Each call is one question, asked once (twice where a token had expired). Whether to ask again, whom to spare, and how many to
/// ask at once is decided above: a breaker or a budget wraps this type as another `UpstreamRegistry`, and `blob(_:from:in:)`, which
/// starts anywhere, serves resuming and parallel ranges.
package final class RegistryClient: UpstreamRegistry {
    private let guarding: OutboundGuard
    private let connections: Connections
    private let hops: Hops
    private let logins: Logins
    private let verdict: Verdict
    private let timeouts: UpstreamSettings.Timeouts

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
        hops = Hops(guarding: guarding, connections: connections, probe: probe, timeouts: timeouts)
        logins = Logins(hops: hops, clock: clock)
        verdict = Verdict(clock: clock)
    }

    /// Closes every connection. What is still being received breaks off. Call it once, at the end.
    package func shutdown() async {
        await connections.shutdown()
        await guarding.shutdown()
    }

    package func resolve(
        _ reference: Reference, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamDescriptor {
        let noun = "the manifest \(reference)"
        let (answer, login) = try await ask(.head, "manifests/\(reference)", ["Accept": Self.accepted], in: source)
        // A registry without HEAD for manifests leaves the GET.
        if answer.status == 405 || answer.status == 501 { return UpstreamDescriptor(digest: nil, mediaType: nil) }
        guard answer.status == 200 else { throw await verdict.error(for: answer, asking: noun, login: login) }
        try verdict.demandNoPage(answer, noun)
        let digest = answer.header("docker-content-digest").flatMap { try? Digest($0) }
        return UpstreamDescriptor(digest: digest, mediaType: answer.mediaType)
    }

    package func manifest(
        _ reference: Reference, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamManifest {
        let noun = "the manifest \(reference)"
        let (answer, login) = try await ask(.get, "manifests/\(reference)", ["Accept": Self.accepted], in: source)
        guard answer.status == 200 else { throw await verdict.error(for: answer, asking: noun, login: login) }
        try verdict.demandNoPage(answer, noun)
        try answer.demandPlainEncoding()
        let bytes = try await answer.collect(upTo: Manifest.maxBytes, within: timeouts.document, as: noun)
        guard bytes.readableBytesView.first(where: { !Self.spaces.contains($0) }) == UInt8(ascii: "{") else {
            throw answer.upstream.error(.invalid, "it sent something that is no manifest as \(noun)")
        }
        return UpstreamManifest(bytes: bytes, mediaType: answer.mediaType)
    }

    package func blob(
        _ digest: Digest, from offset: Int64, in source: UpstreamSource
    ) async throws(UpstreamError) -> UpstreamBlob {
        let noun = "the blob \(digest)"
        let headers: HTTPHeaders = offset > 0 ? ["Range": "bytes=\(offset)-"] : [:]
        let (answer, login) = try await ask(.get, "blobs/\(digest)", headers, in: source)
        switch answer.status {
        case 200:
            try answer.demandPlainEncoding()
            return blob(answer, size: answer.contentLength, offset: 0, length: answer.contentLength)
        case 206 where offset > 0:
            try answer.demandPlainEncoding()
            let range = try Self.range(of: answer, from: offset)
            return blob(answer, size: range.size, offset: offset, length: range.last - range.first + 1)
        default: throw await verdict.error(for: answer, asking: noun, login: login)
        }
    }

    package func blobSize(_ digest: Digest, in source: UpstreamSource) async throws(UpstreamError) -> Int64? {
        let (answer, login) = try await ask(.head, "blobs/\(digest)", [:], in: source)
        guard answer.status == 200 else {
            throw await verdict.error(for: answer, asking: "the blob \(digest)", login: login)
        }
        return answer.contentLength
    }
}

// MARK: Asking

extension RegistryClient {
    private static let accepted = MediaType.manifests.joined(separator: ", ")
    private static let spaces: [UInt8] = [0x20, 0x09, 0x0a, 0x0d]

    private func ask(
        _ kind: OutboundRequest.Kind, _ path: String, _ headers: HTTPHeaders, in source: UpstreamSource
    ) async throws(UpstreamError) -> (Answer, Verdict.LoginState) {
        let upstream = try guarding.upstream(for: source.host)
        guard Self.isRepository(source.repository) else {
            throw upstream.error(.invalid, "the repository's name would not be one there")
        }
        let url = upstream.base.appending("/v2/\(source.repository)/\(path)")
        var login = try await logins.login(for: source, at: upstream)
        var request = OutboundRequest(kind: kind, url: url, plainHeaders: headers)
        request.authorization = login.authorization
        var answer = try await hops.follow(request, for: upstream)
        if answer.status == 401, answer.isFromUpstreamItself,
            let renewed = try await logins.login(after: answer, sent: login, for: source)
        {
            await answer.drain()
            login = renewed
            request.authorization = renewed.authorization
            answer = try await hops.follow(request, for: upstream)
        }
        return (answer, source.credential == nil ? .none : .sent)
    }

    private func blob(_ answer: Answer, size: Int64?, offset: Int64, length: Int64?) -> UpstreamBlob {
        let body = UpstreamBody(
            body: answer.response.body, expected: length, url: answer.url, upstream: answer.upstream,
            timeouts: timeouts)
        return UpstreamBlob(size: size, offset: offset, body: body)
    }

    /// The range that a 206 says it is: it must be the one asked for, to the end, or its bytes would be written in the wrong place.
    private static func range(of answer: Answer, from offset: Int64) throws(UpstreamError) -> ContentRange {
        guard let range = answer.header("content-range").flatMap({ ContentRange($0) }), range.first == offset,
            range.size == nil || range.size == range.last + 1,
            answer.contentLength == nil || answer.contentLength == range.last - range.first + 1
        else {
            throw answer.upstream.error(
                .invalid, "\(answer.upstream.naming(answer.url)) sent another range than the one asked for",
                status: answer.status)
        }
        return range
    }

    /// Nothing that could leave its place in the path: letters of any case, digits and `._-`, in segments that are no dots alone.
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
