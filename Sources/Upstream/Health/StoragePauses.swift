import Synchronization
import WeirCore

/// Blobs whose storage has answered "too many requests". The storage is a host that a registry redirects to.
///
/// Such a host speaks for itself. Its pause counts for the blob that it was asked for, in the rule's name, and for 60 s at most:
/// the registry itself has said nothing, and may redirect elsewhere the next time.
final class StoragePauses: Sendable {
    private struct Key: Hashable {
        let owner: String
        let place: String
        let digest: Digest
    }

    private struct Pause {
        let until: Timestamp
        let length: Duration
        let host: String
    }

    private static let firstPause: Duration = .seconds(1)
    private let clock: WallClock
    /// More than are filled at a time. A blob whose pause is forgotten may be asked for again.
    private let pauses = Mutex(BoundedMap<Key, Pause>(capacity: 4096))

    init(clock: WallClock) { self.clock = clock }

    /// Throws while the blob must not be asked for.
    func admit(_ digest: Digest, in source: UpstreamSource) throws(UpstreamError) {
        let now = clock.now
        guard let pause = pauses.withLock({ $0[Self.key(digest, source)] }), pause.until > now else { return }
        // A clock that was set back must not lengthen the pause.
        let wait = min(pause.until - now, RetryAfter.longestElsewhere)
        var error = UpstreamError(
            .rateLimited, host: source.host,
            "the host \(pause.host) that it sends to allows no more requests for now; the blob is not asked for again for "
                + wait.roundedSeconds, status: 429, retryAfter: wait, wasAsked: false)
        error.saidElsewhere = pause.host
        throw error
    }

    /// Learns from the outcome of a request for the blob.
    func note(_ error: UpstreamError?, of digest: Digest, in source: UpstreamSource) {
        let key = Self.key(digest, source)
        guard let error else { return pauses.withLock { $0[key] = nil } }
        guard error.kind == .rateLimited, error.wasAsked, let host = error.saidElsewhere, !source.isTrial else { return }
        let now = clock.now
        pauses.withLock { pauses in
            let guess = (pauses[key]?.length ?? Self.firstPause / 2) * 2
            let said = error.retryAfter.flatMap { $0 > .zero ? $0 : nil }
            let length = min(said ?? guess, RetryAfter.longestElsewhere)
            pauses[key] = Pause(until: now + length, length: length, host: host)
        }
    }

    private static func key(_ digest: Digest, _ source: UpstreamSource) -> Key {
        Key(owner: source.owner, place: source.place, digest: digest)
    }
}
