package import WeirCore

/// How a new repository is to be sealed, by request: the key may be named in any way, or not at all.
package enum EncryptionRequest: Hashable, Sendable {
    case aes256
    /// A KMS key by id, alias or ARN; nil for the registry's own `aws/ecr` key, which is made on first use.
    case kms(key: String?)
}

/// The settings of a new repository. The defaults are ECR's.
package struct RepositorySettings: Hashable, Sendable {
    package var encryption: EncryptionRequest
    package var mutability: TagMutability
    package var scanOnPush: Bool
    package var tags: [ResourceTag]
    /// The repository policy's text.
    package var policy: String?
    package var lifecyclePolicy: String?

    package init(
        encryption: EncryptionRequest = .aes256, mutability: TagMutability = .mutable, scanOnPush: Bool = false,
        tags: [ResourceTag] = [], policy: String? = nil, lifecyclePolicy: String? = nil
    ) {
        self.encryption = encryption
        self.mutability = mutability
        self.scanOnPush = scanOnPush
        self.tags = tags
        self.policy = policy
        self.lifecyclePolicy = lifecyclePolicy
    }

    /// The settings of a creation template, which says nothing about scanning.
    package init(_ template: CreationTemplate) {
        self.init(
            encryption: template.encryptionType == Encryption.aes256.type ? .aes256 : .kms(key: template.kmsKey),
            mutability: template.mutability, tags: template.resourceTags, policy: template.repositoryPolicy,
            lifecyclePolicy: template.lifecyclePolicy)
    }

    /// Throws the refusal of the first setting that no repository can have.
    func check() throws(Refusal) {
        try mutability.check()
        try ResourceTags.check(tags)
        // A template's policy was checked when the template was saved. One that an earlier version accepted must not fail pulls
        // now.
        if let policy { _ = try PolicyDocument(checking: policy, at: "PolicyText", hangingOn: nil) }
        if let lifecyclePolicy { _ = try LifecyclePolicy(checking: lifecyclePolicy) }
    }
}

/// A repository that is ready to be inserted: its key resolved and found usable, its settings checked, its number drawn.
package struct NewRepository: Sendable {
    package let repository: Repository
    /// The data key of its manifests, wrapped by the key of its encryption.
    package let sealedKey: [UInt8]
    package let tags: [ResourceTag]
    package let policy: String?
    /// The users and roles that the policy names.
    package let pins: PolicyPins
    package let lifecyclePolicy: String?
}

/// A repository with what every request needs of it.
package struct KnownRepository: Sendable {
    package let repository: Repository
    package let sealedKey: [UInt8]
    package let tags: [ResourceTag]
    package let policy: StoredPolicy?

    var facts: Access.Facts { Access.Facts(policy: policy, tags: tags) }
}
