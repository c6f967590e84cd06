import Synchronization
import WeirCore
import WeirServer

/// How many calls without a signature an address may lose: a bucket for each, of 60 failures and one more each second. Calls that
/// succeed cost nothing, so that many jobs behind one address can sign in at once.
struct UnsignedFailures: Sendable {
    private static let most: Int64 = 60
    private static let refill: Int64 = 1_000_000

    private final class Buckets: Sendable {
        /// The moment, in microseconds, at which an address's failures are all forgiven.
        let ends = Mutex(BoundedMap<ClientGroup, Int64>(capacity: 8_192))
    }

    private let buckets = Buckets()

    /// Throws `.throttled` where the request's address has lost too many calls.
    func admit(at now: Timestamp) throws(Refusal) {
        let end = buckets.ends.withLock { $0[Self.client] } ?? now.microseconds
        guard end.subtracting(now.microseconds) > Self.refill.multiplied(by: Self.most) else { return }
        throw Refusal(.throttled, "Rate exceeded", retryAfter: .seconds(1))
    }

    /// Counts a failure of the request's address.
    func note(at now: Timestamp) {
        buckets.ends.withLock { $0[Self.client] = max($0[Self.client] ?? 0, now.microseconds).adding(Self.refill) }
    }

    private static var client: ClientGroup { ClientGroup(text: RequestOrigin.current.address) }
}
