package import WeirCore

/// A managed policy, AWS's or an account's own, with how much it is used in the account that asks.
package struct ManagedPolicy: Sendable, Equatable {
    package let id: String
    package let arn: ManagedPolicyARN
    package let description: String?
    package let createdAt: Timestamp
    /// When its newest version was made.
    package let changedAt: Timestamp
    package let tags: [ResourceTag]
    package let defaultVersion: Int64
    /// The users, groups and roles of the account to which it is attached.
    package let attachments: Int64
    /// The users and roles of the account that have it as their permissions boundary.
    package let boundaries: Int64

    init(_ entity: Entity, defaultVersion: Int64, _ usage: PolicyUsage) {
        id = entity.id
        arn = ManagedPolicyARN(entity)
        description = entity.description
        createdAt = entity.createdAt
        changedAt = entity.changedAt
        tags = entity.tags
        self.defaultVersion = defaultVersion
        (attachments, boundaries) = (usage.attachments, usage.boundaries)
    }

    init(_ policy: AWSManagedPolicies.Policy, _ usage: PolicyUsage) {
        id = policy.id
        arn = ManagedPolicyARN(policy)
        description = nil
        createdAt = policy.createdAt
        changedAt = policy.changedAt
        tags = []
        defaultVersion = policy.version
        (attachments, boundaries) = (usage.attachments, usage.boundaries)
    }
}

/// How often a managed policy is used in an account.
struct PolicyUsage: Sendable, Equatable {
    var attachments: Int64 = 0
    var boundaries: Int64 = 0
}

/// A version of a managed policy.
package struct ManagedPolicyVersion: Sendable, Equatable {
    package let number: Int64
    package let isDefault: Bool
    package let document: String
    package let createdAt: Timestamp

    /// `v3`.
    package var id: String { "v\(number)" }
}

extension ManagedPolicyARN {
    init(_ entity: Entity) { self.init(account: entity.account, path: entity.path, name: entity.name) }

    init(_ policy: AWSManagedPolicies.Policy) { self.init(account: nil, path: policy.path, name: policy.name) }

    private init(account: AccountID?, path: String, name: String) {
        self.account = account
        self.path = path
        self.name = name
    }
}
