import Synchronization
import WeirCore

/// Multi-platform images whose rule fetches more than clients ask for (`RuleOptions.Fetch`).
extension Pulls {
    /// Lists in lists in lists: an honest image has two levels.
    static let deepest = 3
    /// Protects this server from a list without end.
    private static let mostListed = 500
    private static let atOnce = 4

    /// Starts fetching what a list names and its rule wants, with everything that hangs on it. What is here already costs
    /// nothing.
    func fetchListed(_ manifest: Manifest, under rule: CacheRule, at place: Place) {
        guard place.depth < Self.deepest else { return }
        var seen: Set<Digest> = []
        let wanted = manifest.children.filter { rule.options.fetch.takes($0.platform) && seen.insert($0.digest).inserted }
            .prefix(Self.mostListed)
        guard !wanted.isEmpty else { return }
        var place = place
        place.depth += 1
        // Lists below lists share it: five hundred of five hundred of five hundred is no image.
        let allowance = place.allowance ?? ListAllowance(ImageWalk.most)
        place.allowance = allowance
        // A client will ask for some of it soon, nobody waits for all of it.
        place.priority = max(place.priority, .prefetch)
        place.isCounted = true
        let key = FlightKey(registry: place.registry, name: place.name, reference: .digest(manifest.digest))
        lists.begin(key) { [self, place] in
            await withTaskGroup(of: Void.self) { group in
                for (number, child) in wanted.enumerated() where allowance.take() {
                    if number >= Self.atOnce { await group.next() }
                    group.addTask {
                        // What fails is fetched when a client asks for it, and told to that one.
                        _ = try? await self.image(.digest(child.digest), at: place)
                    }
                }
            }
        }
    }

    /// The same for a list that is held: what it lacks, after a fetch that broke off, comes with the next question to upstream.
    func fetchListed(by held: ServedManifest, under rule: CacheRule, at place: Place) {
        guard rule.options.fetch != .requested, [MediaType.ociIndex, MediaType.dockerList].contains(held.mediaType),
            let manifest = try? Manifest(held.bytes, contentType: held.mediaType, algorithm: held.digest.algorithm)
        else { return }
        fetchListed(manifest, under: rule, at: place)
    }
}

/// How many manifests one pull may still have fetched behind it.
final class ListAllowance: Sendable {
    private let left: Atomic<Int>

    init(_ count: Int) { left = Atomic(count) }

    /// False where nothing is left.
    func take() -> Bool { left.subtract(1, ordering: .relaxed).newValue >= 0 }
}
