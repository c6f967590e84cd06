package import WeirCore

/// The way through an image that is a list. It meets each manifest once, in however many lists it is named.
///
/// A hostile author may let each list name the next one a thousand times. So the work of a walk grows with the number of
/// manifests, and not with the number of paths to them.
package struct ImageWalk {
    /// Levels of lists below one another: an honest image has one.
    package static let deepest = 4
    /// Manifests in one image. The largest known images have a few hundred.
    package static let most = 2_000

    private var seen: Set<Digest> = []

    package init() {}

    /// True where the manifest is met for the first time, and so must be looked at.
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
