import Synchronization
import WeirCore

/// Counts the bytes that are stored, and how many of them no walk has added up yet.
final class StoreGrowth: Sendable {
    private let stored = Atomic<Int64>(0)
    private let counted = Atomic<Int64>(0)

    /// Bytes stored since the program began.
    var total: Int64 { stored.load(ordering: .relaxed) }
    /// Those of them that no walk has added up.
    var uncounted: Int64 { total.subtracting(counted.load(ordering: .relaxed)) }

    func add(_ count: Int64) {
        let (old, new) = stored.wrappingAdd(count, ordering: .relaxed)
        if new < old { stored.store(.max, ordering: .relaxed) }
    }
    /// A walk that began when `total` was so much has ended. Walks may overlap: the latest counts.
    func count(upTo total: Int64) { counted.max(total, ordering: .relaxed) }
}
