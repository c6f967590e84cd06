package import WeirCore

/// Which images a list shows: ECR's `tagStatus`.
package enum TagStatus: String, Sendable, CaseIterable {
    case any = "ANY"
    case tagged = "TAGGED"
    case untagged = "UNTAGGED"
}

/// A digest, and one of its tags.
package struct ImageID: Hashable, Sendable {
    package let digest: Digest
    package let tag: Tag?

    package init(digest: Digest, tag: Tag?) {
        self.digest = digest
        self.tag = tag
    }
}
