import WeirCore

/// Addresses of names that were resolved a while ago. They are fresh for 30 s, and serve for 600 s while the name is looked up
/// again: so a name server that falls silent does not stop an upstream whose addresses are known.
struct KnownNames {
    private struct Known {
        let addresses: [IPAddress]
        let asker: String
        let foundAt: ContinuousClock.Instant
    }

    private static let freshFor: Duration = .seconds(30)
    private static let keptFor: Duration = .seconds(600)
    /// More names than upstreams have. At the limit, the asker with the most names loses its oldest. (In a `BoundedMap` one
    /// asker could drive out the names of all others.)
    private static let most = 1024

    private var names: [String: Known] = [:]
    private var counts: [String: Int] = [:]

    func addresses(
        of name: String, at now: ContinuousClock.Instant
    ) -> (addresses: [IPAddress], isFresh: Bool)? {
        guard let known = names[name] else { return nil }
        let age = known.foundAt.duration(to: now)
        return age < Self.keptFor ? (known.addresses, age < Self.freshFor) : nil
    }

    mutating func remember(_ addresses: [IPAddress], of name: String, for asker: String, at now: ContinuousClock.Instant) {
        forget(name)
        if names.count >= Self.most, let greediest = counts.max(by: { $0.value < $1.value })?.key,
            let oldest = names.filter({ $0.value.asker == greediest }).min(by: { $0.value.foundAt < $1.value.foundAt })?.key
        {
            forget(oldest)
        }
        names[name] = Known(addresses: addresses, asker: asker, foundAt: now)
        counts[asker, default: 0] += 1
    }

    mutating func forget(_ name: String) {
        guard let known = names.removeValue(forKey: name) else { return }
        let left = (counts[known.asker] ?? 1) - 1
        counts[known.asker] = left > 0 ? left : nil
    }
}
