package import WeirCore

/// A preview of a lifecycle policy: a page of its results as of the request.
package struct LifecyclePreview: Sendable {
    /// ECR's `LifecyclePolicyPreviewStatus`.
    package enum Status: String, Sendable {
        case inProgress = "IN_PROGRESS"
        case complete = "COMPLETE"
        /// The results were a day old, and are gone.
        case expired = "EXPIRED"
        case failed = "FAILED"
    }

    /// One image that the policy would remove or archive.
    package struct Result: Sendable, Equatable {
        package let digest: Digest
        package let tags: [Tag]
        package let pushedAt: Timestamp
        package let storageClass: LifecycleSelection.StorageClass
        package let action: LifecycleRule.Action
        package let priority: Int
    }

    /// Of the whole preview, whatever the page and the filter.
    package struct Summary: Sendable, Equatable {
        package let expiring: Int
        package let archiving: Int
    }

    package let policyText: String
    package let status: Status
    package let results: Page<Result>
    package let summary: Summary
}
