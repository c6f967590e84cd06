package import WeirCore

/// A user's request for a creation template, new or changed. Nil members were not given.
package struct TemplateDraft: Sendable {
    /// How the repositories are to be sealed. A key belongs to `KMS` only.
    package struct Encryption: Sendable {
        package let type: String
        /// A full key ARN; nil or empty for the registry's managed key.
        package let kmsKey: String?

        package init(type: String, kmsKey: String? = nil) {
            self.type = type
            self.kmsKey = kmsKey
        }
    }

    package let prefix: Prefix
    /// An empty text removes it, as with the policies and the role.
    package var description: String?
    package var encryption: Encryption?
    package var resourceTags: [ResourceTag]?
    package var mutability: TagMutability.Setting?
    package var exclusions: [String]?
    package var repositoryPolicy: String?
    package var lifecyclePolicy: String?
    package var appliedFor: [CreationTemplate.Scenario]?
    package var customRoleARN: String?

    package init(
        prefix: Prefix, description: String? = nil, encryption: Encryption? = nil, resourceTags: [ResourceTag]? = nil,
        mutability: TagMutability.Setting? = nil, exclusions: [String]? = nil, repositoryPolicy: String? = nil,
        lifecyclePolicy: String? = nil, appliedFor: [CreationTemplate.Scenario]? = nil, customRoleARN: String? = nil
    ) {
        self.prefix = prefix
        self.description = description
        self.encryption = encryption
        self.resourceTags = resourceTags
        self.mutability = mutability
        self.exclusions = exclusions
        self.repositoryPolicy = repositoryPolicy
        self.lifecyclePolicy = lifecyclePolicy
        self.appliedFor = appliedFor
        self.customRoleARN = customRoleARN
    }

    /// A new template: ECR's defaults, and this draft laid over them.
    func template(in registry: RegistryID, at now: Timestamp) throws(Refusal) -> CreationTemplate {
        guard appliedFor != nil else {
            throw Refusal(
                .invalidParameter,
                "1 validation error detected: Value null at 'appliedFor' failed to satisfy constraint: Member must not be null")
        }
        let empty = CreationTemplate(prefix: prefix, appliedFor: [], createdAt: now, updatedAt: now)
        return try laid(over: empty, in: registry, at: now)
    }

    /// Throws the refusal of an encryption that no template can have. An update refuses a malformed request before it looks for
    /// the template.
    func checkEncryption(in registry: RegistryID) throws(Refusal) {
        let never = Timestamp(seconds: 0)
        var template = CreationTemplate(prefix: prefix, appliedFor: [], createdAt: never, updatedAt: never)
        try encryption?.apply(to: &template, in: registry)
    }

    /// The checked template: this draft's members, and the others as they were.
    func laid(
        over before: CreationTemplate, in registry: RegistryID, at now: Timestamp
    ) throws(Refusal) -> CreationTemplate {
        var template = before
        if let description { template.description = description.isEmpty ? nil : description }
        if let encryption { try encryption.apply(to: &template, in: registry) }
        template.resourceTags = resourceTags ?? before.resourceTags
        let setting = mutability ?? before.mutability.setting
        let kept = setting.hasExclusions ? before.mutability.exclusions : []
        template.mutability = TagMutability(setting, excluding: exclusions ?? kept)
        if let repositoryPolicy, !repositoryPolicy.isEmpty {
            _ = try PolicyDocument(checking: repositoryPolicy, at: "repositoryPolicy", hangingOn: .repository)
        }
        if let repositoryPolicy { template.repositoryPolicy = repositoryPolicy.isEmpty ? nil : repositoryPolicy }
        if let lifecyclePolicy { template.lifecyclePolicy = lifecyclePolicy.isEmpty ? nil : lifecyclePolicy }
        if let appliedFor { template.appliedFor = appliedFor }
        if let customRoleARN { template.customRoleARN = customRoleARN.isEmpty ? nil : customRoleARN }
        template.updatedAt = now
        try template.check(in: registry)
        return template
    }
}

extension TemplateDraft.Encryption {
    fileprivate func apply(to template: inout CreationTemplate, in registry: RegistryID) throws(Refusal) {
        let key = kmsKey.flatMap { $0.isEmpty ? nil : $0 }
        switch type {
        case "AES256":
            guard key == nil else {
                throw .invalidParameter(
                    "encryptionConfiguration", "A KMS key can be set only when the encryption type is KMS")
            }
        case "KMS":
            if let key, !Self.isKeyARN(key) {
                throw .invalidParameter(
                    "encryptionConfiguration.kmsKey",
                    "must satisfy regular expression '^$|arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:[0-9]{12}:key\\/[a-z0-9-]+'")
            }
            // A repository is sealed under a key of its own registry: with another key every creation would fail.
            if let key, !key.contains(":kms:\(registry.region):\(registry.account):key/") {
                throw .invalidParameter(
                    "encryptionConfiguration.kmsKey",
                    "The KMS key must be in the account and Region of the registry, \(registry.account) and \(registry.region)")
            }
        default:
            // KMS_DSSE exists in AWS GovCloud only.
            throw .invalidParameter("encryptionConfiguration.encryptionType", "Member must satisfy enum value set: [AES256, KMS]")
        }
        template.encryptionType = type
        template.kmsKey = key
    }

    /// A full ARN: unlike CreateRepository, the template operations accept no alias and no bare id.
    private static func isKeyARN(_ text: String) -> Bool {
        let isWord = { (byte: UInt8) in
            (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard text.utf8.count <= 2048, parts.count == 6, parts[0] == "arn", parts[1].hasPrefix("aws"),
            parts[1].utf8.allSatisfy(isWord), parts[2] == "kms", !parts[3].isEmpty, parts[3].utf8.allSatisfy(isWord),
            (try? AccountID(String(parts[4]))) != nil, parts[5].hasPrefix("key/")
        else { return false }
        let id = parts[5].dropFirst("key/".count)
        return !id.isEmpty && id.utf8.allSatisfy(isWord)
    }
}

extension CreationTemplate {
    private static let maxDescription = 256

    /// Throws the refusal of the first setting that no template can have. A setting that no repository could have is refused now,
    /// and not at a later pull.
    fileprivate func check(in registry: RegistryID) throws(Refusal) {
        let count = prefix.description.utf8.count
        guard Self.prefixLengths.contains(count) else {
            throw .invalidParameter("prefix", "Member must have length less than or equal to \(Self.prefixLengths.upperBound)")
        }
        guard (description ?? "").unicodeScalars.count <= Self.maxDescription else {
            throw .invalidParameter("description", "Member must have length less than or equal to \(Self.maxDescription)")
        }
        guard !appliedFor.isEmpty else {
            throw .invalidParameter("appliedFor", "Member must have length greater than or equal to 1")
        }
        guard Set(appliedFor).count == appliedFor.count else {
            throw .invalidParameter("appliedFor", "Members must be unique")
        }
        if let customRoleARN { try CacheRuleRequest.check(customRoleARN: customRoleARN, in: registry) }
        try mutability.check()
        if let lifecyclePolicy { _ = try LifecyclePolicy(checking: lifecyclePolicy) }
        do throws(Refusal) {
            try ResourceTags.check(resourceTags)
        } catch {
            // The template operations have neither of the two exceptions for tags.
            throw .invalidParameter("resourceTags", error.message)
        }
    }
}
