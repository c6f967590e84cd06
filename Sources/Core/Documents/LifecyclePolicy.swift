/// Which images of a repository expire or move to the archive, and when (ECR user guide, "Lifecycle policies").
///
/// This is the policy as it was written, checked and ready to be carried out; carrying it out is another's work. What carries it
/// out evaluates each storage class by itself, takes `rules` in their order, and protects what a rule of lower number has seen.
package struct LifecyclePolicy: Sendable, Equatable {
    /// ECR's quotas.
    package static let maxRules = 50
    package static let maxLength = 30_720
    /// An archived image is kept, and paid for, this long at least.
    package static let minArchiveDays = 90

    /// By priority, lowest number first.
    package let rules: [LifecycleRule]
}

/// One rule of a lifecycle policy.
package struct LifecycleRule: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        case expire
        /// To the archive: the only class to move to.
        case archive
    }

    package let priority: Int
    package let description: String?
    package let selection: LifecycleSelection
    package let action: Action
}

/// Which images a rule is about, and how many or how old of them it leaves alone.
package struct LifecycleSelection: Sendable, Equatable {
    package enum StorageClass: String, Sendable, CaseIterable { case standard, archive }

    /// The part that is judged by an image's tags alone.
    package enum Tags: Sendable, Hashable {
        case any
        case untagged
        /// Every one of these must begin a tag of the image.
        case prefixes([String])
        /// Every one of these must match a tag of the image, whole; `*` is any run of characters.
        case patterns([String])
    }

    package enum Count: Sendable, Equatable {
        /// The youngest this many stay.
        case moreThan(Int)
        /// What is older than this many days goes. Exactly this many is not older.
        case days(Int, since: Moment)
    }

    package enum Moment: Sendable, Equatable {
        case pushed
        /// The last recorded pull, or the push of what was never pulled.
        case pulled
        /// The move to the archive.
        case transitioned
    }

    package let tags: Tags
    package let storageClass: StorageClass
    package let count: Count

    /// True if an image with these tags is one that the rule sees.
    package func sees(tags imageTags: [Tag]) -> Bool {
        LifecycleMatcher(tags).sees(imageTags)
    }
}

/// Why a text is not a lifecycle policy: the words that ECR's clients know, with the quotation mark that ends them.
package struct LifecyclePolicyError: Error, Equatable, CustomStringConvertible {
    package let reason: String

    /// The whole sentence of ECR's answer.
    package var description: String {
        "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: "
            + "'Lifecycle policy validation failure: \(reason)"
    }
}
