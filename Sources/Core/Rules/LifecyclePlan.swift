/// What a lifecycle policy does to the images of a repository: the same for a preview and for a run.
package struct LifecyclePlan: Sendable, Equatable {
    /// One image that goes.
    package struct Step: Sendable, Equatable {
        package let image: LifecycleImage
        package let action: LifecycleRule.Action
        /// The rule that decided it; for a referrer that follows its subject, the subject's.
        package let priority: Int
    }

    /// One image that a rule had chosen, and that stays because something else does.
    package struct Kept: Sendable, Equatable {
        package enum Reason: Sendable, Equatable {
            /// These lists name it.
            case namedByLists([Digest])
            /// It is about this image, and goes with it or not at all.
            case subjectStays(Digest)
        }

        package let image: LifecycleImage
        package let priority: Int
        package let reason: Reason
    }

    /// In the order in which they can be carried out one by one: a list before what it names. Otherwise by digest.
    package let steps: [Step]
    /// By digest.
    package let kept: [Kept]
}
