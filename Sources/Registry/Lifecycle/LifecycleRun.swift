package import WeirCore

/// What a lifecycle policy did to a repository, or would do.
package struct LifecycleRun: Sendable {
    package enum Mode: String, Sendable {
        /// Changes nothing, and reports what a run would do now.
        case dryRun
        case real
    }

    package let repository: Repository
    package let policy: LifecyclePolicy
    package let mode: Mode
    package let evaluatedAt: Timestamp
    /// The steps that were done; in a dry run those that would be. A list comes before the images that it names.
    package let steps: [LifecyclePlan.Step]
    /// Images that rules had chosen and that stay nevertheless, and why.
    package let kept: [LifecyclePlan.Kept]
    /// Images that were pushed, tagged, pulled or removed during the run: the next run decides anew.
    package let changedMeanwhile: [Digest]
}
