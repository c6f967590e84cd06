import AsyncHTTPClient
import Logging
import Metrics
import NIOCore
import NIOHTTP1
import WeirCore

/// Sends a request and follows redirects, one guarded hop at a time.
///
/// At most five; a login goes along only to the very origin it was meant for (scheme, host and port), never from https to http.
/// What a later host answers, a 401 included, is an answer: it does not start a login there (but see `RedirectTokens`).
struct RedirectFollower: Sendable {
    static let maxHops = 5

    let guarding: OutboundGuard
    let connections: Connections
    let probe: CertificateProbe
    let timeouts: UpstreamSettings.Timeouts
    let circuits: Circuits

    func follow(_ request: OutboundRequest, for upstream: Upstream) async throws(UpstreamError) -> Answer {
        var request = request
        for _ in 0...Self.maxHops {
            let answer = try await send(request, for: upstream)
            guard [301, 302, 303, 307, 308].contains(answer.status), request.kind != .post else { return answer }
            request = try next(after: answer, of: request, for: upstream)
            await answer.drain()
        }
        throw upstream.error(.invalid, "it redirects more than \(Self.maxHops) times")
    }

    /// Sends one request and follows nothing.
    func send(_ request: OutboundRequest, for upstream: Upstream) async throws(UpstreamError) -> Answer {
        if !request.ignoresCircuit { try await admit(request, for: upstream) }
        let started = ContinuousClock.now
        let target = Self.target(of: request, for: upstream)
        do throws(UpstreamError) {
            let answer = try await exchange(request, for: upstream)
            if [502, 503, 504].contains(answer.status) {
                // A gateway answered only to say that no server is behind it.
                let cause = Circuits.Cause(detail: "it failed to answer", status: answer.status)
                circuits.failed(target, after: started.duration(to: .now), because: cause)
            } else {
                circuits.succeeded(target)
            }
            return answer
        } catch {
            if error.kind == .unavailable, error.blamesServer, !Task.isCancelled {
                // Some registries hang up on every HEAD, however long it took. The GET that follows tells whether the server is
                // there.
                let isHangUp = request.kind == .head && error.brokeOff
                circuits.failed(
                    target, after: isHangUp ? .zero : started.duration(to: .now),
                    because: Circuits.Cause(detail: error.detail, status: error.status))
            }
            throw error
        }
    }

    private func exchange(_ request: OutboundRequest, for upstream: Upstream) async throws(UpstreamError) -> Answer {
        let pool = try await guarding.admit(request.url, for: upstream)
        let started = ContinuousClock.now
        do {
            let response = try await connections.send(request, on: pool)
            log(request, of: upstream, status: Int(response.status.code), since: started)
            return Answer(
                response: response, url: request.url, kind: request.kind, upstream: upstream,
                hadLogin: request.authorization != nil)
        } catch let refused as Connections.AddressRefused {
            throw guarding.refusal(refused.objection, of: request.url, for: upstream)
        } catch {
            log(request, of: upstream, status: nil, since: started)
            var fault = Fault(error, timeouts: timeouts)
            if fault.isUntrusted, let reason = await probe.reason(at: request.url, on: pool) { fault.detail = reason }
            throw fault.error(at: request.url, for: upstream)
        }
    }

    /// Throws at once while the server's circuit is open.
    private func admit(_ request: OutboundRequest, for upstream: Upstream) async throws(UpstreamError) {
        let url = request.url
        let admission = await circuits.admit(Self.target(of: request, for: upstream), patience: request.patience) { [self] in
            var question = OutboundRequest(
                kind: .get, url: OutboundURL(scheme: url.scheme, host: url.host, port: url.port, path: "/v2/"), plainHeaders: [:])
            question.ignoresCircuit = true
            question.isElsewhere = request.isElsewhere
            let probing = question
            let alive = try? await within(Self.probeLimit) {
                let answer = try await exchange(probing, for: upstream)
                await answer.drain()
                return ![502, 503, 504].contains(answer.status)
            }
            return alive ?? false
        }
        guard case .refuse(let cause, let wait) = admission else { return }
        upstream.count("weir_upstream_spared_total", ("reason", "breaker"))
        throw UpstreamError(
            .unavailable, host: upstream.host, "\(cause.detail); it is not asked again for \(wait.roundedSeconds)",
            status: cause.status, retryAfter: wait, step: .connection, wasAsked: false)
    }

    private static func target(of request: OutboundRequest, for upstream: Upstream) -> Circuits.Target {
        Circuits.Target(request.url.origin, sentBy: request.isElsewhere ? upstream.host : nil)
    }

    /// A server that says nothing for longer than this counts as dead.
    private static let probeLimit: Duration = .seconds(5)

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
        if next.url.origin != request.url.origin {
            next.authorization = request.redirectToken?.origin == next.url.origin ? request.redirectToken?.authorization : nil
            next.isElsewhere = true
        }
        return next
    }

    /// A stranger chooses the number, so an unknown status is counted by its class: the label has few values.
    private static func label(of status: Int?) -> String {
        guard let status else { return "none" }
        let known = [
            200, 206, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 408, 410, 416, 429, 500, 501, 502, 503, 504,
        ]
        if known.contains(status) { return "\(status)" }
        return (100...599).contains(status) ? "\(status / 100)xx" : "other"
    }

    private func log(
        _ request: OutboundRequest, of upstream: Upstream, status: Int?, since started: ContinuousClock.Instant
    ) {
        let took = started.duration(to: .now)
        upstream.count("weir_upstream_requests_total", ("status", Self.label(of: status)))
        Timer(label: "weir_upstream_request_seconds", dimensions: [("host", upstream.host)])
            .recordNanoseconds(took.microseconds * 1000)
        guard Logger.current.logLevel <= .debug else { return }
        var facts: Logger.Metadata = [
            "http.method": "\(request.method)", "upstream.url": "\(request.url)",
            "upstream.milliseconds": .stringConvertible(took.microseconds / 1000),
        ]
        if let status { facts["http.status"] = .stringConvertible(status) }
        Logger.current.debug("Upstream asked", metadata: facts)
    }
}
