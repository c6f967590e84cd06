import AsyncHTTPClient
package import NIOCore
import NIOHTTP1
package import WeirCore

/// Fetches the documents of OpenID Connect issuers. Whoever may register an issuer chooses the URL, so it is as hostile as any
/// upstream's:
/// - https alone, and never a redirect away from it; plain http only where the settings name the host so;
/// - public addresses alone, judged at each hop and again at each connection (`OutboundGuard`); of private ones those that the
///   settings name, and these only for an issuer that is named too;
/// - no login, no cookie, no trace of ours; five redirects; 10 s for all of one document, and so many bytes.
///
/// It has connections, a guard and breakers of its own: what the settings say of upstream registries does not concern issuers.
/// Authorities that are trusted for upstreams are trusted for issuers.
package final class IssuerClient: IssuerKeys {
    /// For one document, redirects included.
    private static let limit = Duration.seconds(10)

    /// Some issuers send their keys as a type of its own (RFC 7517, 8.5), and refuse who does not take it.
    private static let accepted = "application/json, application/jwk-set+json, */*;q=0.1"

    private let guarding: OutboundGuard
    private let connections: Connections
    private let follower: RedirectFollower
    private let classifier: ResponseClassifier
    /// Where plain http is allowed.
    private let plain: Set<Origin>

    /// - Parameters:
    ///   - settings: authorities, time-outs and the `User-Agent` are taken from them.
    ///   - privateIssuers: hosts at which issuers may be private: `HOST` or `HOST:PORT`, or `http://HOST:PORT` where they speak
    ///     plain http.
    ///   - names: another way to look names up, for tests.
    package init(
        settings: UpstreamSettings, privateIssuers: Set<String>, clock: WallClock,
        eventLoopGroup: any EventLoopGroup = HTTPClient.defaultEventLoopGroup, names: NameResolver? = nil
    ) throws(UpstreamSettingsError) {
        var settings = settings
        settings.overrides = [:]
        settings.trustedRealms = [:]
        settings.maxReadBytes = 64 * 1024
        settings.timeouts.connect = min(settings.timeouts.connect, Self.limit)
        settings.timeouts.head = min(settings.timeouts.head, Self.limit)
        settings.timeouts.idle = min(settings.timeouts.idle, Self.limit)
        (settings.allowPrivate, plain) = try Self.read(privateIssuers)
        let problems = settings.problems
        guard problems.isEmpty else { throw UpstreamSettingsError(problems: problems) }
        connections = try Connections(settings, group: eventLoopGroup)
        guarding = OutboundGuard(settings, names: names ?? NameResolver())
        follower = RedirectFollower(
            guarding: guarding, connections: connections,
            probe: CertificateProbe(group: eventLoopGroup, clock: clock, timeout: settings.timeouts.connect),
            timeouts: settings.timeouts, circuits: Circuits(settings.breaker))
        classifier = ResponseClassifier(clock: clock)
    }

    private static func read(_ issuers: Set<String>) throws(UpstreamSettingsError) -> (Set<String>, plain: Set<Origin>) {
        var hosts: Set<String> = []
        var plain: Set<Origin> = []
        for text in issuers.sorted() {
            let isPlain = text.hasPrefix("http://")
            guard let url = try? OutboundURL(isPlain ? text : "https://\(text)"), url.path == "/", url.query == nil else {
                throw UpstreamSettingsError(problems: [
                    "the private issuer '\(text)' is none of HOST, HOST:PORT and http://HOST:PORT"
                ])
            }
            if isPlain { plain.insert(url.origin) }
            hosts.insert(url.port == 443 ? url.host.description : "\(url.host):\(url.port)")
        }
        return (hosts, plain)
    }

    package func document(
        at url: String, of issuer: String, maxBytes: Int
    ) async throws(IssuerKeysError) -> IssuerDocument {
        let (target, upstream) = try places(url, issuer)
        do {
            return try await within(Self.limit) { [self] in try await fetch(target, for: upstream, maxBytes) }
        } catch let error as UpstreamError {
            throw IssuerKeysError(error.isNoAnswer ? .unavailable : .invalid, "\(error)")
        } catch {
            throw IssuerKeysError(.unavailable, "\(upstream.host): no document within \(Self.limit.formattedSeconds)")
        }
    }

    /// The URL to fetch, and the issuer for which the guard judges it.
    private func places(_ url: String, _ issuer: String) throws(IssuerKeysError) -> (OutboundURL, Upstream) {
        guard let base = try? OutboundURL(issuer),
            let upstream = try? guarding.upstream(for: base.origin.authority, plainHTTP: base.scheme == .http)
        else { throw IssuerKeysError(.invalid, "the issuer is no URL that can be asked") }
        let target: OutboundURL
        do throws(URLRefusal) { target = try OutboundURL(url) } catch {
            throw IssuerKeysError(.invalid, "\(upstream.host): it names an address that \(error.reason)")
        }
        guard mayAsk(target) else {
            throw IssuerKeysError(.invalid, "\(target.host): not asked by plain http, where anyone could answer")
        }
        return (target, upstream)
    }

    private func mayAsk(_ url: OutboundURL) -> Bool { url.scheme == .https || plain.contains(url.origin) }

    private func fetch(_ url: OutboundURL, for upstream: Upstream, _ maxBytes: Int) async throws(UpstreamError) -> IssuerDocument
    {
        var request = OutboundRequest(kind: .get, url: url, plainHeaders: ["Accept": Self.accepted])
        request.ignoresCircuit = true
        request.isElsewhere = true
        let answer = try await follower.follow(request, for: upstream)
        guard mayAsk(answer.url) else {
            throw upstream.error(.guarded, "it redirects to plain http, to \(answer.url.host)", status: answer.status)
        }
        let noun = "its document \(url.path)"
        guard answer.status == 200 else { throw await classifier.error(for: answer, asking: noun, login: .none) }
        let body = try await answer.collect(upTo: maxBytes, within: Self.limit, as: noun)
        return IssuerDocument(
            bytes: Array(body.readableBytesView), maxAge: answer.header("cache-control").flatMap(CacheControl.maxAge))
    }

    /// Closes every connection. Call it once, at the end.
    package func shutdown() async {
        await connections.shutdown()
        await guarding.shutdown()
    }
}

extension UpstreamError {
    /// Whether nothing can be said about what the host has: it was not reached or not believed, or it said that it cannot answer.
    fileprivate var isNoAnswer: Bool {
        switch kind {
        case .unavailable, .rateLimited, .guarded: true
        case .denied, .notFound, .invalid: false
        }
    }
}
