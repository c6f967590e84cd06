package import WeirCore

/// What a user says of a key that is to be made.
package struct NewKey: Sendable {
    package var description: String
    /// Nil for AWS's default policy.
    package var policy: String?
    package var tags: [ResourceTag]

    package init(description: String = "", policy: String? = nil, tags: [ResourceTag] = []) {
        self.description = description
        self.policy = policy
        self.tags = tags
    }
}
