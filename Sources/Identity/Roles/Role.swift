import WeirCore

/// A role: who may assume it, and for how long.
package struct Role: Sendable, Equatable {
    package let entity: Entity
    /// The trust policy as it was given. Of those whom it names and who are gone it shows the unique ids, and of those who have
    /// been renamed since it shows the new ARNs.
    package let trust: String
    /// Seconds.
    package let maxSessionSeconds: Int64
    /// The AWS service that it belongs to, such as `replication.ecr.amazonaws.com`: no caller can change it. Nil for others.
    package let service: String?
    /// Nil if no session of it has been used.
    package let lastUse: LastUse?
}

/// What `update` changes of a role. Nil leaves it as it is.
package struct RoleChange: Sendable {
    package var description: String?
    package var maxSessionSeconds: Int64?

    package init(description: String? = nil, maxSessionSeconds: Int64? = nil) {
        self.description = description
        self.maxSessionSeconds = maxSessionSeconds
    }
}
