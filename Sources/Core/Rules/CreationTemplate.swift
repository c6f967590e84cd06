/// The settings of a repository that the server creates by itself (ECR user guide, "Repository creation templates").
package struct CreationTemplate: Hashable, Sendable {
    package static let prefixLengths = 1...256

    /// Why the server creates a repository.
    package enum Scenario: String, Sendable, CaseIterable {
        case pullThroughCache = "PULL_THROUGH_CACHE"
        case replication = "REPLICATION"
        case createOnPush = "CREATE_ON_PUSH"
    }

    package let prefix: Prefix
    package var description: String?
    /// `AES256` or `KMS`. If `kmsKey` is nil, the key is chosen when the template is applied.
    package var encryptionType: String
    /// A full key ARN; nil for the registry's managed key.
    package var kmsKey: String?
    package var resourceTags: [ResourceTag]
    package var mutability: TagMutability
    package var repositoryPolicy: String?
    package var lifecyclePolicy: String?
    package var appliedFor: [Scenario]
    /// Stored and returned only: this server creates the repository itself and needs no role.
    package var customRoleARN: String?
    package let createdAt: Timestamp
    package var updatedAt: Timestamp

    package init(
        prefix: Prefix, description: String? = nil, encryptionType: String = "AES256", kmsKey: String? = nil,
        resourceTags: [ResourceTag] = [], mutability: TagMutability = .mutable, repositoryPolicy: String? = nil,
        lifecyclePolicy: String? = nil, appliedFor: [Scenario], customRoleARN: String? = nil, createdAt: Timestamp,
        updatedAt: Timestamp
    ) {
        self.prefix = prefix
        self.description = description
        self.encryptionType = encryptionType
        self.kmsKey = kmsKey
        self.resourceTags = resourceTags
        self.mutability = mutability
        self.repositoryPolicy = repositoryPolicy
        self.lifecyclePolicy = lifecyclePolicy
        self.appliedFor = appliedFor
        self.customRoleARN = customRoleARN
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

extension Sequence<CreationTemplate> {
    /// The template for a repository that `scenario` creates: of the templates for that scenario, the one with the longest
    /// prefix, `ROOT` last. ECR does not document what happens if the longest prefix belongs to another scenario; this order is
    /// ours.
    package func resolve(for name: RepositoryName, _ scenario: CreationTemplate.Scenario) -> CreationTemplate? {
        self.filter { $0.appliedFor.contains(scenario) }.closest(to: name) { $0.prefix }
    }
}

/// An AWS resource tag.
package struct ResourceTag: Hashable, Sendable {
    package let key: String
    package let value: String

    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}
