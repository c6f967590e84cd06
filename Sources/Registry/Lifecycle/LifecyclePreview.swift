package import WeirCore

/// A preview of a lifecycle policy: what was found when it was asked for, a page of it.
package struct LifecyclePreview: Sendable {
    /// ECR's `LifecyclePolicyPreviewStatus`.
    package enum Status: String, Sendable {
        case inProgress = "IN_PROGRESS"
        case complete = "COMPLETE"
        /// What was found is a day old, and gone.
        case expired = "EXPIRED"
        case failed = "FAILED"
    }

    /// One image that would go.
    package struct Result: Sendable, Equatable {
        package let digest: Digest
        package let tags: [Tag]
        package let pushedAt: Timestamp
        package let storageClass: LifecycleSelection.StorageClass
        package let action: LifecycleRule.Action
        package let priority: Int
    }

    /// Of the whole preview, whatever page and filter.
    package struct Summary: Sendable, Equatable {
        package let expiring: Int
        package let archiving: Int
    }

    package let policyText: String
    package let status: Status
    package let results: Page<Result>
    package let summary: Summary
}
