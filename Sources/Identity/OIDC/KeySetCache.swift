package import WeirCore

/// Which keys of which issuer are used, and when an issuer is asked anew. Pure: `now` is passed in, and whoever is told `.fetch`
/// fetches and reports what came.
///
/// ```
///             known kid         unknown kid
/// fresh       use               fetch, or use what is held where it was asked under 30 s ago
/// over        fetch, or use what is held where it was asked under 30 s ago; use and fetch beside, where it failed the last time
/// over 24 h   fetch, or refuse where it was asked under 30 s ago
/// ```
/// A set is fresh for what the issuer's `Cache-Control` says, 60 s to 24 h, or else for an hour. **Any** outcome begins the 30 s:
/// a failure and an empty set too. Neither takes the place of keys that are held: these serve until their 24 h are over.
package struct KeySetCache: Sendable {
    package static let usualLife = Duration.seconds(3_600)
    package static let shortestLife = Duration.seconds(60)
    package static let longestLife = Duration.seconds(24 * 3_600)
    /// How long keys are used after they have ceased to be fresh, while their issuer gives no others.
    package static let staleLife = Duration.seconds(24 * 3_600)
    /// Between two questions to one issuer.
    package static let pause = Duration.seconds(30)
    /// Keys of all issuers together; an issuer costs one more than it has keys. About 1 KiB each.
    package static let capacity = 16_384

    /// Keys to check with.
    package struct Found: Sendable {
        package let keys: JSONWebKeySet
        package let fetchedAt: Timestamp
        /// Why there are no newer ones, where these are no longer fresh, or lack the key that was asked for.
        package let trouble: IssuerKeysError?
    }

    package enum Answer: Sendable {
        case use(Found)
        /// Its issuer has failed before: nobody waits for it again, as long as there are keys.
        case useWhileFetching(Found)
        case fetch
        case refuse(IssuerKeysError)
    }

    private struct Held {
        let keys: JSONWebKeySet
        let fetchedAt: Timestamp
        let freshUntil: Timestamp
    }

    private struct Entry {
        var held: Held?
        var askedAt: Timestamp
        /// How the last question ended, where it brought no keys.
        var failure: IssuerKeysError?
    }

    private var entries: BoundedMap<OIDCIssuer, Entry>

    package init(capacity: Int = Self.capacity) {
        entries = BoundedMap(capacity: capacity) { 1 + ($0.held?.keys.keys.count ?? 0) + ($0.held?.keys.unusable.count ?? 0) }
    }

    /// What to do for a token of `issuer` that names `keyID`.
    package mutating func answer(for issuer: OIDCIssuer, keyID: String?, now: Timestamp) -> Answer {
        guard let entry = entries[issuer] else { return .fetch }
        if let held = entry.held, Self.isWithin(held.freshUntil, of: now, Self.longestLife), held.keys.knows(keyID) {
            return .use(Found(keys: held.keys, fetchedAt: held.fetchedAt, trouble: nil))
        }
        let settled = Self.settled(entry, now)
        if Self.isWithin(entry.askedAt + Self.pause, of: now, Self.pause) { return settled }
        if case .use(let found) = settled, found.trouble != nil, found.keys.knows(keyID) { return .useWhileFetching(found) }
        return .fetch
    }

    /// What can be done without asking: `.use` or `.refuse`.
    package mutating func settled(for issuer: OIDCIssuer, now: Timestamp) -> Answer {
        entries[issuer].map { Self.settled($0, now) } ?? .refuse(Self.notAsked)
    }

    /// The issuer gave `keys`, which may be kept for `maxAge`.
    package mutating func fetched(_ keys: JSONWebKeySet, maxAge: Duration?, of issuer: OIDCIssuer, now: Timestamp) {
        guard !keys.isEmpty else {
            return failed(IssuerKeysError(.invalid, "the key set has no usable key"), of: issuer, now: now)
        }
        let life = min(max(maxAge ?? Self.usualLife, Self.shortestLife), Self.longestLife)
        entries[issuer] = Entry(held: Held(keys: keys, fetchedAt: now, freshUntil: now + life), askedAt: now, failure: nil)
    }

    /// The issuer gave no keys.
    package mutating func failed(_ error: IssuerKeysError, of issuer: OIDCIssuer, now: Timestamp) {
        entries[issuer] = Entry(held: entries[issuer]?.held, askedAt: now, failure: error)
    }

    private static func settled(_ entry: Entry, _ now: Timestamp) -> Answer {
        if let held = entry.held, isWithin(held.freshUntil + staleLife, of: now, longestLife + staleLife) {
            return .use(Found(keys: held.keys, fetchedAt: held.fetchedAt, trouble: entry.failure))
        }
        return .refuse(entry.failure ?? notAsked)
    }

    /// Whether `end` is still to come, and no further off than it can be: after the clock has gone back it is not believed.
    private static func isWithin(_ end: Timestamp, of now: Timestamp, _ longest: Duration) -> Bool {
        now < end && end - now <= longest
    }

    private static let notAsked = IssuerKeysError(.unavailable, "its keys are gone, and it has not been asked for new ones")
}
