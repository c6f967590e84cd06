package import WeirCore

/// The way through an image that is a list: each manifest once, however often and in however many lists it is named.
///
/// Whoever writes lists may let each name the next one a thousand times. So what a walk does grows with the number of manifests
/// that there are, and not with the number of ways to them.
package struct ImageWalk {
    /// Lists below lists: an honest image has one.
    package static let deepest = 4
    /// Manifests in one image. The largest that are known have a few hundred.
    package static let most = 2_000

    private var seen: Set<Digest> = []

    package init() {}

    /// True where the manifest is to be looked at, which is said once of each.
    ///
    /// Throws `limitExceeded` where it lies too deep, or where there are too many.
    package mutating func enters(_ digest: Digest, depth: Int) throws(Refusal) -> Bool {
        guard !seen.contains(digest) else { return false }
        guard depth <= Self.deepest else {
            throw Refusal(.limitExceeded, "The image \(digest) lies below more than \(Self.deepest) lists that name each other")
        }
        guard seen.count < Self.most else {
            throw Refusal(.limitExceeded, "The image names more than \(Self.most) manifests")
        }
        seen.insert(digest)
        return true
    }
}
