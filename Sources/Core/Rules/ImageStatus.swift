/// Whether an image can be pulled: ECR's `ImageStatus` (docs/ecr.md, "Image status").
package enum ImageStatus: String, Sendable, CaseIterable {
    case active = "ACTIVE"
    /// In the archive: described and listed, not pulled.
    case archived = "ARCHIVED"
    /// On its way back from the archive: not pulled yet.
    case activating = "ACTIVATING"
}
