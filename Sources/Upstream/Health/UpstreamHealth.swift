import Metrics
import Synchronization
import WeirCore

/// What is known of each upstream in each rule's name: its outcomes, what is left of its quota, and how long it wants a pause.
final class UpstreamHealth: Sendable {
    struct Key: Hashable, Sendable {
        let owner: String
        let host: String
    }

    /// A "too many requests", and the requests that it holds back.
    struct Pause: Sendable {
        var until: Timestamp
        /// The login that it counts for: another login has a quota of its own.
        let credential: UpstreamCredential?
        /// False where it answered a request for a manifest: Docker Hub counts those, and gives blobs all the same.
        var coversBlobs: Bool
        let length: Duration
    }

    private struct Entry {
        var status: UpstreamStatus
        var pause: Pause?
        var upstream: Upstream?
    }

    /// The pause after a 429 without `Retry-After`. It doubles with each repetition, up to `longestGuess`.
    private static let firstPause: Duration = .seconds(1)
    private static let longestGuess: Duration = .seconds(60)
    /// The longest pause on an upstream's word. After it the upstream is asked again.
    private static let longestPause: Duration = .seconds(60 * 60)

    let clock: WallClock
    private let entries = Mutex(BoundedMap<Key, Entry>(capacity: 10_000))

    init(clock: WallClock) { self.clock = clock }

    func status(owner: String, host: String) -> UpstreamStatus? {
        let now = clock.now
        return entries.withLock { entries in
            guard let entry = entries[Key(owner: owner, host: host)] else { return nil }
            var status = entry.status
            status.pausedUntil = entry.pause.flatMap { $0.until > now ? $0.until : nil }
            return status
        }
    }

    func upstream(owner: String, host: String) -> Upstream? {
        entries.withLock { $0[Key(owner: owner, host: host)]?.upstream }
    }

    /// Notes where the upstream is, before it is asked.
    func met(_ upstream: Upstream, in source: UpstreamSource) { change(source) { $0.upstream = upstream } }

    /// The head of an answer came.
    func note(_ answer: Answer, after latency: Duration, in source: UpstreamSource) {
        let now = clock.now
        // A storage's own limits say nothing of the registry's quota.
        let quota =
            !answer.isFromUpstreamItself
            ? nil
            : RateLimits.quota(
                limit: answer.header("ratelimit-limit") ?? answer.header("x-ratelimit-limit"),
                remaining: answer.header("ratelimit-remaining") ?? answer.header("x-ratelimit-remaining"), at: now)
        change(source) { entry in
            entry.status.latency = entry.status.latency.map { ($0 * 7 + latency) / 8 } ?? latency
            if let quota { entry.status.quota = quota }
        }
        guard let quota, !source.isTrial else { return }
        let dimensions = [("host", source.host), ("rule", source.owner)]
        Gauge(label: "weir_upstream_quota_remaining", dimensions: dimensions).record(quota.remaining)
        if let limit = quota.limit { Gauge(label: "weir_upstream_quota_limit", dimensions: dimensions).record(limit) }
    }

    func succeeded(_ source: UpstreamSource) {
        let now = clock.now
        change(source) { entry in
            entry.status.requests.add(1)
            entry.status.lastSuccess = now
            // A pause that still runs is another login's, or does not cover blobs: this success says nothing about it.
            if let pause = entry.pause, pause.until <= now { entry.pause = nil }
        }
    }

    func failed(_ source: UpstreamSource, _ error: UpstreamError, blob: Bool) {
        let now = clock.now
        change(source) { entry in
            entry.status.requests.add(1)
            // "Not there" is an answer like any other.
            if error.kind == .notFound {
                entry.status.lastSuccess = now
                return
            }
            entry.status.failures.add(1)
            entry.status.lastFailure = UpstreamStatus.Failure(
                at: now, kind: error.kind, message: error.description, status: error.status)
            // Where another host wants a pause, `StoragePauses` keeps it: the registry itself has asked for none.
            guard error.kind == .rateLimited, error.saidElsewhere == nil else { return }
            let guess = min((entry.pause?.length ?? Self.firstPause / 2) * 2, Self.longestGuess)
            // A moment that has passed, and "at once", tell no wait.
            let said = error.retryAfter.flatMap { $0 > .zero ? $0 : nil }
            let length = min(said ?? guess, Self.longestPause)
            var pause = Pause(
                until: now + length, credential: source.credential, coversBlobs: blob, length: min(length, Self.longestGuess))
            // A pause for manifests and one for blobs may come together: neither shortens nor narrows the other.
            if let present = entry.pause, present.until > now, present.credential == pause.credential {
                pause.until = max(pause.until, present.until)
                pause.coversBlobs = pause.coversBlobs || present.coversBlobs
            }
            entry.pause = pause
        }
    }

    /// A body broke off after its head had come.
    func broke(_ source: UpstreamSource, _ error: UpstreamError) {
        let now = clock.now
        change(source) { entry in
            entry.status.failures.add(1)
            entry.status.lastFailure = UpstreamStatus.Failure(
                at: now, kind: error.kind, message: error.description, status: error.status)
        }
    }

    func received(_ count: Int, in source: UpstreamSource) {
        change(source) { $0.status.bytesReceived.add(Int64(count)) }
    }

    /// Throws while upstream wants a pause of this login for this kind of question.
    func admit(_ source: UpstreamSource, _ question: Question) throws(UpstreamError) {
        let now = clock.now
        let (pause, quota) = entries.withLock { entries -> (Pause?, UpstreamStatus.Quota?) in
            let entry = entries[Key(owner: source.owner, host: source.host)]
            return (entry?.pause, entry?.status.quota)
        }
        // A longer pause means that the clock has gone back since.
        if let pause, pause.until > now, pause.until - now <= Self.longestPause, pause.credential == source.credential,
            pause.coversBlobs || question != .blob
        {
            throw Self.paused(source, pause.until - now, "it allows no more requests for now", status: 429)
        }
        // With the quota spent, a manifest is asked for only where a client waits for it. A HEAD costs no quota.
        if let quota, quota.remaining == 0, question == .manifest, source.priority != .interactive {
            let wait = min(quota.window ?? .seconds(60), .seconds(60)) - (now - quota.at)
            if wait > .zero { throw Self.paused(source, wait, "its quota is spent", status: nil) }
        }
    }

    private static func paused(
        _ source: UpstreamSource, _ wait: Duration, _ detail: String, status: Int?
    ) -> UpstreamError {
        Counter(label: "weir_upstream_spared_total", dimensions: [("host", source.host), ("reason", "pause")]).increment()
        return UpstreamError(
            .rateLimited, host: source.host, "\(detail); it is not asked again for \(wait.roundedSeconds)", status: status,
            retryAfter: wait, wasAsked: false)
    }

    private func change(_ source: UpstreamSource, _ body: (inout Entry) -> Void) {
        guard !source.isTrial else { return }
        let key = Key(owner: source.owner, host: source.host)
        entries.withLock { entries in
            body(&entries[key, default: Entry(status: UpstreamStatus(owner: source.owner, host: source.host))])
        }
    }
}

/// The kinds of question that are counted apart.
enum Question: Sendable {
    /// By HEAD: whether something is there, and what.
    case look
    case manifest
    case blob
    case list
}
