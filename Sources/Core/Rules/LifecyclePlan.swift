/// What a lifecycle policy does to the images of a repository. A preview and a run compute the same plan.
package struct LifecyclePlan: Sendable, Equatable {
    /// One image that expires or moves to the archive.
    package struct Step: Sendable, Equatable {
        package let image: LifecycleImage
        package let action: LifecycleRule.Action
        /// The rule that selected it; for a referrer that follows its subject, the subject's rule.
        package let priority: Int
    }

    /// One image that a rule selected, and that stays for another reason.
    package struct Kept: Sendable, Equatable {
        package enum Reason: Sendable, Equatable {
            /// These lists name it.
            case namedByLists([Digest])
            /// It refers to this image, which stays: a referrer goes only with its subject.
            case subjectStays(Digest)
        }

        package let image: LifecycleImage
        package let priority: Int
        package let reason: Reason
    }

    /// In an order in which they can be carried out one by one: a list before the manifests that it names, otherwise by digest.
    package let steps: [Step]
    /// Sorted by digest.
    package let kept: [Kept]
}
