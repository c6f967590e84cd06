import Synchronization
package import WeirCore

/// What a cache rule did since the program started. A pull counts once, by its first question (`PullsUnderWay`).
package struct RuleTraffic: Sendable, Equatable {
    /// Manifest pulls answered from here, without a question to upstream.
    package var hits: Int64 = 0
    /// Upstream was asked, and the tag had not moved.
    package var revalidated: Int64 = 0
    /// Upstream was asked, and the tag had moved.
    package var updated: Int64 = 0
    /// Nothing was held: the manifest came from upstream.
    package var misses: Int64 = 0
    /// Upstream could not be asked: what was held was served, with a warning.
    package var stale: Int64 = 0
    /// Nothing was held, and upstream did not give it.
    package var failures: Int64 = 0
    /// Blob bytes that were fetched and stored.
    package var bytesIn: Int64 = 0
    /// Blob bytes that clients asked for and were promised.
    package var bytesOut: Int64 = 0
    package var fillsRunning = 0
    package var lastPull: Timestamp?

    package init() {}

    package var pulls: Int64 { [hits, revalidated, updated, misses, stale, failures].total }

    /// How many of the manifest pulls needed no bytes from upstream; nil before the first pull.
    package var hitRatio: Double? {
        pulls == 0 ? nil : Double([hits, revalidated, stale].total) / Double(pulls)
    }
}

/// How a manifest pull ended: the label `outcome` of `weir_manifest_pulls_total`.
enum PullOutcome: String, CaseIterable {
    case hit, revalidated, updated, miss, stale, failed
}

/// The traffic of all rules, by `CacheRule.owner(in:)`. Sums stop at the largest `Int64`, since strangers tell the sizes.
final class RuleTally: Sendable {
    /// More than there are rules: what goes is what belonged to rules that are no more.
    private let traffic = Mutex(BoundedMap<String, RuleTraffic>(capacity: 20_000))

    func of(_ owner: String) -> RuleTraffic { traffic.withLock { $0[owner] ?? RuleTraffic() } }

    func count(_ outcome: PullOutcome, of owner: String, at now: Timestamp) {
        change(owner) { traffic in
            traffic.lastPull = now
            switch outcome {
            case .hit: traffic.hits.add(1)
            case .revalidated: traffic.revalidated.add(1)
            case .updated: traffic.updated.add(1)
            case .miss: traffic.misses.add(1)
            case .stale: traffic.stale.add(1)
            case .failed: traffic.failures.add(1)
            }
        }
    }

    func fetched(_ bytes: Int64, of owner: String) { change(owner) { $0.bytesIn.add(bytes) } }

    func served(_ bytes: Int64, of owner: String) { change(owner) { $0.bytesOut.add(bytes) } }

    func fill(began: Bool, of owner: String) { change(owner) { $0.fillsRunning.add(began ? 1 : -1) } }

    private func change(_ owner: String, _ body: (inout RuleTraffic) -> Void) {
        traffic.withLock { body(&$0[owner, default: RuleTraffic()]) }
    }
}

extension CacheRule {
    /// The name in which upstream is asked. Tokens, budgets and counters are shared within it, never across.
    package func owner(in registry: RegistryID) -> String { "\(registry)/\(prefix)" }
}
