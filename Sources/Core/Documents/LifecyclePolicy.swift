/// Which images of a repository expire or move to the archive, and when (ECR user guide, "Lifecycle policies").
///
/// This type is the checked policy. `plan(for:at:)` evaluates it: each storage class by itself, `rules` in their order, and an
/// image that a rule has seen is protected from rules of higher number.
package struct LifecyclePolicy: Sendable, Equatable {
    /// ECR's quotas.
    package static let maxRules = 50
    package static let maxLength = 30_720
    /// The minimum storage of an archived image: it is kept, and billed, this long at least.
    package static let minArchiveDays = 90

    /// By priority, lowest number first.
    package let rules: [LifecycleRule]
}

/// One rule of a lifecycle policy.
package struct LifecycleRule: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        case expire
        /// The archive is the only class that a rule can move an image to.
        case archive
    }

    package let priority: Int
    package let description: String?
    package let selection: LifecycleSelection
    package let action: Action
}

/// Which images a rule applies to, and how many of them, or of which age, it keeps.
package struct LifecycleSelection: Sendable, Equatable {
    package enum StorageClass: String, Sendable, CaseIterable { case standard, archive }

    /// The part of the selection that depends on an image's tags alone.
    package enum Tags: Sendable, Hashable {
        case any
        case untagged
        /// Each of these must be the prefix of some tag of the image.
        case prefixes([String])
        /// Each of these must match some whole tag of the image; `*` is any run of characters.
        case patterns([String])
    }

    package enum Count: Sendable, Equatable {
        /// Keeps this many of the youngest.
        case moreThan(Int)
        /// Selects images older than this many days. An image of exactly this many days is not older.
        case days(Int, since: Moment)
    }

    package enum Moment: Sendable, Equatable {
        case pushed
        /// The last recorded pull; for an image that was never pulled, its push.
        case pulled
        /// The move to the archive.
        case transitioned
    }

    package let tags: Tags
    package let storageClass: StorageClass
    package let count: Count

    /// True if the rule applies to an image with these tags.
    package func sees(tags imageTags: [Tag]) -> Bool {
        LifecycleMatcher(tags).sees(imageTags)
    }
}

/// Why a text is not a lifecycle policy: ECR's own words, with the quotation mark that ends them.
package struct LifecyclePolicyError: Error, Equatable, CustomStringConvertible {
    package let reason: String

    /// The whole sentence of ECR's answer.
    package var description: String {
        "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: "
            + "'Lifecycle policy validation failure: \(reason)"
    }
}
