/// Whether an image can be pulled: ECR's `ImageStatus` (ecr-behaviour.md §3.10).
package enum ImageStatus: String, Sendable, CaseIterable {
    case active = "ACTIVE"
    /// In the archive: described and listed, not pulled.
    case archived = "ARCHIVED"
    /// On its way back from the archive: not pulled yet.
    case activating = "ACTIVATING"
}
