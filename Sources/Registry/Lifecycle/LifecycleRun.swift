package import WeirCore

/// What became of a repository when its lifecycle policy was carried out, or what would have.
package struct LifecycleRun: Sendable {
    package enum Mode: String, Sendable {
        /// Changes nothing and tells what a run would do now.
        case dryRun
        case real
    }

    package let repository: Repository
    package let policy: LifecyclePolicy
    package let mode: Mode
    package let evaluatedAt: Timestamp
    /// What was done; in a dry run what would be. A list before what it names.
    package let steps: [LifecyclePlan.Step]
    /// What rules had chosen and what stays nevertheless, and why.
    package let kept: [LifecyclePlan.Kept]
    /// What was pushed, tagged, pulled or removed while the run was on: the next run decides anew.
    package let changedMeanwhile: [Digest]
}
