package import WeirCore

/// A principal whose pulls are not recorded as the last use of an image: a scanner, a mirror.
package struct PullTimeExclusion: Sendable, Hashable {
    package let principalARN: String
    package let createdAt: Timestamp
}
