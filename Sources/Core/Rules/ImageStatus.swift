/// Whether an image can be pulled: ECR's `ImageStatus` (docs/ecr.md, "Image status").
package enum ImageStatus: String, Sendable, CaseIterable {
    case active = "ACTIVE"
    /// In the archive: described and listed, but not pullable.
    case archived = "ARCHIVED"
    /// Being restored from the archive: not pullable yet.
    case activating = "ACTIVATING"
}
