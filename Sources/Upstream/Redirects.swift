import Synchronization
import WeirCore

/// Where upstreams sent us for their blobs, for a short while: the parts of a big blob need no round trip upstream each.
///
/// A link is kept for the rule and the login it was given to, and only for as long as any signature lasts. It is never shown.
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

    /// More than are filled at a time; when it is hit, all are asked for anew.
    private static let maxLinks = 4096

    private let keptFor: Duration
    private let links = Mutex<[Key: (url: OutboundURL, until: ContinuousClock.Instant)]>([:])

    init(keptFor: Duration) { self.keptFor = keptFor }

    func link(for key: Key) -> OutboundURL? {
        links.withLock { links in
            guard let link = links[key], link.until > .now else { return nil }
            return link.url
        }
    }

    func remember(_ url: OutboundURL, for key: Key) {
        guard keptFor > .zero else { return }
        links.withLock { links in
            if links.count >= Self.maxLinks { links.removeAll() }
            links[key] = (url, .now + keptFor)
        }
    }

    func forget(_ key: Key) { links.withLock { $0[key] = nil } }
}
