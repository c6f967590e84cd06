package import WeirCore

/// The progress of an image's copy to one other registry: ECR's `ImageReplicationStatus`.
package struct ReplicationStatus: Sendable, Hashable {
    package enum State: String, Sendable {
        case inProgress = "IN_PROGRESS"
        case complete = "COMPLETE"
        case failed = "FAILED"
    }

    package let destination: RegistryID
    package let state: State
    /// The reason of the failure, as one word.
    package let failure: String?
}
