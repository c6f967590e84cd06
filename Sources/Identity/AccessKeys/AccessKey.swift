package import WeirCore

/// An access key as its owner is shown it: without its secret.
package struct AccessKey: Sendable, Equatable {
    package let id: String
    package let owner: AccessKeys.Owner
    package let createdAt: Timestamp
    package let status: AccessKeys.Status
}

/// A key that has just been made, with its secret, which is told this once. Its printed form reveals nothing.
package struct NewAccessKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package let id: String
    package let createdAt: Timestamp
    /// 40 characters.
    package let secret: String

    package var description: String { "the access key \(id)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// When, for which service and in which region a key or role was last used.
package struct LastUse: Sendable, Equatable {
    package let at: Timestamp
    /// Such as `ecr`. A role's is not kept.
    package let service: String
    package let region: String

    package init(at: Timestamp, service: String, region: String) {
        self.at = at
        self.service = service
        self.region = region
    }
}
