import Synchronization
import WeirCore

/// The links to which upstreams redirected for their blobs, kept for a short while: so the later parts of a big blob need no
/// round trip to upstream.
///
/// A link is kept for the rule and the login it was given to, and for no longer than any storage's signature lasts. It is never
/// shown.
final class Redirects: Sendable {
    struct Key: Hashable, Sendable {
        let owner: String
        let place: String
        let repository: String
        let credential: UpstreamCredential?
        let digest: Digest

        init(_ source: UpstreamSource, _ digest: Digest) {
            owner = source.owner
            place = source.place
            repository = source.repository
            credential = source.credential
            self.digest = digest
        }
    }

    private let keptFor: Duration
    /// More than are filled at a time. A link that is forgotten is asked for anew.
    private let links = Mutex(BoundedMap<Key, (url: OutboundURL, until: ContinuousClock.Instant)>(capacity: 4096))

    init(keptFor: Duration) { self.keptFor = keptFor }

    func link(for key: Key) -> OutboundURL? {
        links.withLock { links in
            guard let link = links[key], link.until > .now else { return nil }
            return link.url
        }
    }

    func remember(_ url: OutboundURL, for key: Key) {
        guard keptFor > .zero else { return }
        links.withLock { $0[key] = (url, .now + keptFor) }
    }

    func forget(_ key: Key) { links.withLock { $0[key] = nil } }
}
