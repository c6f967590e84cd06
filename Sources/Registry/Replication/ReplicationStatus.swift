package import WeirCore

/// How far the copy of an image to one other registry is: ECR's `ImageReplicationStatus`.
package struct ReplicationStatus: Sendable, Hashable {
    package enum State: String, Sendable {
        case inProgress = "IN_PROGRESS"
        case complete = "COMPLETE"
        case failed = "FAILED"
    }

    package let destination: RegistryID
    package let state: State
    /// Why it failed, as one word.
    package let failure: String?
}
