import Synchronization
import WeirCore

/// A pull on its way: what every step of it needs.
struct PullContext: Sendable {
    let name: RepositoryName
    let registry: RegistryID
    let caller: Caller
    /// How urgent it is upstream.
    var priority = UpstreamPriority.interactive
    /// How many lists above it name each other.
    var depth = 0
    /// False for what belongs to a pull that has counted, and for what is fetched ahead of all pulls.
    var counts = true
    /// Whether the images that a list names are fetched as its rule says. A warm-up fetches them itself.
    var fetchesListed = true
    /// What may still be fetched in the background in the course of one pull; nil where that begins here.
    var allowance: ListAllowance?

    func key(_ reference: Reference) -> PullKey { PullKey(registry: registry, name: name, reference: reference) }
}

/// What pulls are joined by, and what upstream's failures are remembered by.
struct PullKey: Hashable, Sendable {
    let registry: RegistryID
    let name: RepositoryName
    let reference: Reference
}

/// How many manifests one pull may still have fetched in the background.
final class ListAllowance: Sendable {
    private let left: Atomic<Int>

    init(_ count: Int) { left = Atomic(count) }

    /// False where nothing is left.
    func take() -> Bool { left.subtract(1, ordering: .relaxed).newValue >= 0 }
}
