import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import WeirCore

/// Sends a request and follows redirects, one guarded hop at a time.
///
/// At most five; a login goes along only to the very origin it was meant for (scheme, host and port), never from https to http.
/// What a later host answers, a 401 included, is an answer: it does not start a login there.
struct Hops: Sendable {
    static let maxHops = 5

    let guarding: OutboundGuard
    let connections: Connections
    let probe: CertificateProbe
    let timeouts: UpstreamSettings.Timeouts

    func follow(_ request: OutboundRequest, for upstream: Upstream) async throws(UpstreamError) -> Answer {
        var request = request
        for _ in 0...Self.maxHops {
            let answer = try await send(request, for: upstream)
            guard [301, 302, 303, 307, 308].contains(answer.status) else { return answer }
            request = try next(after: answer, of: request, for: upstream)
            await answer.drain()
        }
        throw upstream.error(.invalid, "it redirects more than \(Self.maxHops) times")
    }

    private func send(_ request: OutboundRequest, for upstream: Upstream) async throws(UpstreamError) -> Answer {
        let lane = try await guarding.admit(request.url, for: upstream)
        let started = ContinuousClock.now
        do {
            let response = try await connections.send(request, on: lane)
            log(request, status: Int(response.status.code), since: started)
            return Answer(response: response, url: request.url, kind: request.kind, upstream: upstream)
        } catch let refused as Connections.AddressRefused {
            throw guarding.refusal(refused.objection, of: request.url, for: upstream)
        } catch {
            log(request, status: nil, since: started)
            var fault = Fault(error, timeouts: timeouts)
            if fault.isUntrusted, let reason = await probe.reason(at: request.url, on: lane) { fault.detail = reason }
            throw fault.error(at: request.url, for: upstream)
        }
    }

    private func next(
        after answer: Answer, of request: OutboundRequest, for upstream: Upstream
    ) throws(UpstreamError) -> OutboundRequest {
        guard let location = answer.header("location") else {
            throw upstream.error(.invalid, "it redirects without saying where", status: answer.status)
        }
        var next = request
        do throws(URLRefusal) {
            next.url = try request.url.resolving(location)
        } catch {
            throw upstream.error(.guarded, "it redirects to a URL that \(error.reason)", status: answer.status)
        }
        if request.url.scheme == .https, next.url.scheme == .http {
            throw upstream.error(
                .guarded, "it redirects from https to http, to \(next.url.host)", status: answer.status)
        }
        if next.url.origin != request.url.origin { next.authorization = nil }
        return next
    }

    private func log(_ request: OutboundRequest, status: Int?, since started: ContinuousClock.Instant) {
        Logger.current.debug(
            "Upstream asked",
            metadata: [
                "http.method": "\(request.method)", "upstream.url": "\(request.url)",
                "http.status": "\(status.map(String.init) ?? "none")",
                "upstream.milliseconds": "\(started.duration(to: .now).microseconds / 1000)",
            ])
    }
}
