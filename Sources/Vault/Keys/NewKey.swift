package import WeirCore

/// A user's input for a new key.
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
