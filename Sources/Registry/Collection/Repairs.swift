import WeirCore

/// What a repair will do when everything has been looked at. It does nothing where there is so much to repair that the disk is
/// likely to blame.
struct Repairs {
    struct Repair {
        var fault: VerifyReport.Fault
        let row: CollectionQueries.StoredRow
        let isCached: Bool
    }

    /// Counts faults in a row: a missing volume shows so, long before everything has been looked at.
    struct Streak {
        static let limit = 20
        private(set) var longest = 0
        private var now = 0

        mutating func note(_ finding: Verifier.Finding) {
            switch finding {
            case .well: now = 0
            case .sealedAway: break
            case .flaw(.keyGone, _, _): break
            case .flaw: now += 1
            }
            longest = max(longest, now)
        }
    }

    let givesUpPushed: Bool
    /// More faults than this are no single disk error.
    private let limit: Int64
    private let stored: Int64
    var streak = Streak()
    private var repairs: [Repair] = []
    /// Files without a row.
    private var orphans: [(fault: VerifyReport.Fault, orphan: Quarantine.Orphan)] = []

    init(givesUpPushed: Bool, stored: Int64) {
        self.givesUpPushed = givesUpPushed
        self.stored = stored
        limit = Collector.unusual(of: stored)
    }

    mutating func add(_ fault: VerifyReport.Fault, _ row: CollectionQueries.StoredRow, isCached: Bool) {
        repairs.append(Repair(fault: fault, row: row, isCached: isCached))
    }

    mutating func add(_ fault: VerifyReport.Fault, _ orphan: Quarantine.Orphan) { orphans.append((fault, orphan)) }

    /// Why nothing is repaired; nil where it is.
    var refusal: String? {
        if streak.longest >= Streak.limit {
            return "\(streak.longest) blobs in a row are damaged, missing or unreadable: this looks like the volume. Nothing was "
                + "repaired. See that the store is mounted and can be read, then verify again"
        }
        return refusal(Int64(repairs.count), "blobs are damaged or missing")
    }

    var orphansRefusal: String? {
        refusal(Int64(orphans.filter { $0.orphan.begun == nil }.count), "files have no row in the database")
    }

    private func refusal(_ count: Int64, _ what: String) -> String? {
        guard count > limit else { return nil }
        return
            "\(count) \(what), of \(stored) stored: more than \(limit) at once look like the wrong volume or the wrong database. "
            + "They were left as they are"
    }

    mutating func takeAll() -> [Repair] {
        defer { repairs = [] }
        return repairs
    }

    mutating func takeOrphans() -> [(fault: VerifyReport.Fault, orphan: Quarantine.Orphan)] {
        defer { orphans = [] }
        return orphans
    }
}
