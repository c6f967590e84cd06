import Metrics
import WeirCore

/// Counts manifest pulls in the metric `weir_manifest_pulls_total` and in the traffic of their rules. All who join the same
/// `SingleFlight` count as one.
struct PullTally: Sendable {
    /// Made once: to look a counter up costs more than the rest of a pull from memory.
    private static let counters = Dictionary(
        uniqueKeysWithValues: PullOutcome.allCases.map { ($0, counter($0.rawValue)) })

    let rules: RuleTally
    let clock: WallClock

    private static func counter(_ outcome: String) -> Counter {
        Counter(label: "weir_manifest_pulls_total", dimensions: [("outcome", outcome)])
    }

    func count(_ outcome: PullOutcome, by rule: CacheRule?, at context: PullContext) {
        guard context.counts else { return }
        Self.counters[outcome]?.increment()
        if let rule { rules.count(outcome, of: rule.owner(in: context.registry), at: clock.now) }
    }

    /// A failed pull is told by its reason in the metric.
    func count(_ refusal: Refusal, by rule: CacheRule, at context: PullContext) {
        guard context.counts else { return }
        Self.counter(refusal.reason.rawValue).increment()
        rules.count(.failed, of: rule.owner(in: context.registry), at: clock.now)
    }
}
