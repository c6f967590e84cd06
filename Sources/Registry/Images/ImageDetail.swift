package import WeirCore

/// What `DescribeImages` tells of an image.
package struct ImageDetail: Hashable, Sendable {
    package let digest: Digest
    package let tags: [Tag]
    /// Bytes of its blobs as they travel; for a list those of its largest child.
    package let size: Int64
    package let pushedAt: Timestamp
    package let mediaType: String
    package let artifactType: String?
    package let lastPulledAt: Timestamp?
    package let subject: Digest?
    package let status: ImageStatus
    package let archivedAt: Timestamp?
    package let activatedAt: Timestamp?
}
