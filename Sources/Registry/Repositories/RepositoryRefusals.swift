package import WeirCore

/// ECR's sentences about repositories (docs/ecr.md, "Sentences").
extension Refusal {
    package static func repositoryNotFound(_ name: RepositoryName, in registry: RegistryID) -> Refusal {
        Refusal(
            .repositoryNotFound,
            "The repository with name '\(name)' does not exist in the registry with id '\(registry.account)'")
    }

    static func repositoryAlreadyExists(_ name: RepositoryName, in registry: RegistryID) -> Refusal {
        Refusal(
            .repositoryAlreadyExists,
            "The repository with name '\(name)' already exists in the registry with id '\(registry.account)'")
    }

    static func repositoryNotEmpty(_ repository: Repository) -> Refusal {
        Refusal(
            .repositoryNotEmpty,
            "The repository with name '\(repository.name)' in registry with id '\(repository.registry.account)' "
                + "cannot be deleted because it still contains images")
    }

    static func repositoryPolicyNotFound(_ repository: Repository) -> Refusal {
        Refusal(
            .repositoryPolicyNotFound,
            "Repository policy does not exist for the repository with name '\(repository.name)' "
                + "in the registry with id '\(repository.registry.account)'")
    }

    static func lifecyclePolicyNotFound(_ repository: Repository) -> Refusal {
        Refusal(
            .lifecyclePolicyNotFound,
            "Lifecycle policy does not exist for the repository with name '\(repository.name)' "
                + "in the registry with id '\(repository.registry.account)'")
    }

    static func limitExceeded(_ limit: String) -> Refusal {
        Refusal(
            .limitExceeded,
            "The operation did not succeed because it would have exceeded a service limit for your account: \(limit)")
    }

    /// ECR's general form for an invalid parameter.
    package static func invalidParameter(_ member: String, _ reason: String) -> Refusal {
        Refusal(
            .invalidParameter, "Invalid parameter at '\(member)' failed to satisfy constraint: '\(reason)'")
    }
}

extension PolicyDocument {
    /// Reads a policy that a user sent. ECR's sentence does not say what is wrong; the log does.
    ///
    /// - Parameter place: what the policy belongs to; nil for one that was accepted earlier, by the rules of that time.
    init(checking text: String, at member: String, hangingOn attachment: Attachment?) throws(Refusal) {
        do throws(PolicyError) {
            try self.init(text)
            try checkActions()
            if let attachment { try check(hangingOn: attachment) }
        } catch {
            let noun = attachment == .registry ? "registry" : "repository"
            let refusal = Refusal.invalidParameter(member, "Invalid \(noun) policy provided")
            throw Refusal(refusal.reason, refusal.message, facts: ["policy.error": error.reason])
        }
    }
}

extension PolicyDocument {
    /// The users and roles that the policy names, for one that is saved. Refuses where an account of this server has none such.
    func pins(by principals: any PrincipalPolicies) async throws -> PolicyPins {
        do { return try await PolicyPins.resolve(self, by: principals) } catch let missing as PolicyPins.Missing {
            let refusal = Refusal.invalidParameter("PolicyText", "Principal not found")
            throw Refusal(refusal.reason, refusal.message, facts: ["policy.principal": String(missing.arn.prefix(300))])
        }
    }
}

extension LifecyclePolicy {
    /// Reads a lifecycle policy that a user sent.
    init(checking text: String) throws(Refusal) {
        do throws(LifecyclePolicyError) {
            try self.init(text)
        } catch {
            throw Refusal(.invalidParameter, "\(error)")
        }
    }
}

extension TagMutability {
    /// ECR's limits on exclusion filters.
    private static let maxExclusions = 5
    private static let maxFilterLength = 128
    private static let maxWildcards = 2

    /// Throws the refusal of exclusion filters that do not fit the setting, or are malformed.
    func check() throws(Refusal) {
        let member = "imageTagMutabilityExclusionFilters"
        guard setting.hasExclusions else {
            guard exclusions.isEmpty else {
                throw .invalidParameter(
                    member,
                    "ImageTagMutabilityExclusionFilters can't be set when imageTagMutability is set as \(setting.rawValue)")
            }
            return
        }
        guard !exclusions.isEmpty else {
            throw .invalidParameter(
                member,
                "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as \(setting.rawValue)")
        }
        guard exclusions.count <= Self.maxExclusions else {
            throw .invalidParameter(member, "Member must have length less than or equal to \(Self.maxExclusions)")
        }
        guard Set(exclusions).count == exclusions.count else {
            throw .invalidParameter(member, "Exclusion filters must be unique")
        }
        for filter in exclusions {
            guard (1...Self.maxFilterLength).contains(filter.utf8.count), filter.utf8.allSatisfy(Self.mayBeInFilter) else {
                throw .invalidParameter(member, "must satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}$'")
            }
            guard filter.utf8.count(where: { $0 == UInt8(ascii: "*") }) <= Self.maxWildcards else {
                throw .invalidParameter(
                    member, "An exclusion filter can have at most \(Self.maxWildcards) wildcards (*)")
            }
        }
    }

    private static func mayBeInFilter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2e, 0x5f, 0x2a, 0x2d: true
        default: false
        }
    }
}
