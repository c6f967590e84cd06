/// A pull through cache rule: repositories below `prefix` are filled from the registry at `upstreamURL`.
package struct CacheRule: Hashable, Sendable {
    package static let prefixLengths = 2...30
    /// ECR's quota "Pull through cache rules per registry"; it cannot be raised there.
    package static let perRegistry = 50
    /// The highest limit that an operator may set: each pull looks at all of a registry's rules, longest prefix first.
    package static let mostPerRegistry = 1_000

    package let prefix: Prefix
    /// As given on creation, a bare host: `public.ecr.aws`.
    package let upstreamURL: String
    package let kind: UpstreamKind
    /// Nil if the rule was created without one, which means ROOT. Kept apart from ROOT because Terraform plans to replace a rule
    /// that reads back another value than it was given.
    package let upstreamPrefix: Prefix?
    package var credentialARN: String?
    package var customRoleARN: String?
    /// The rule's settings beyond ECR's API.
    package var options: RuleOptions
    package let createdAt: Timestamp
    package var updatedAt: Timestamp?

    package init(
        prefix: Prefix, upstreamURL: String, kind: UpstreamKind, upstreamPrefix: Prefix? = nil,
        credentialARN: String? = nil, customRoleARN: String? = nil, options: RuleOptions = RuleOptions(),
        createdAt: Timestamp, updatedAt: Timestamp? = nil
    ) {
        self.prefix = prefix
        self.upstreamURL = upstreamURL
        self.kind = kind
        self.upstreamPrefix = upstreamPrefix
        self.credentialARN = credentialARN
        self.customRoleARN = customRoleARN
        self.options = options
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }

    /// The repository's name upstream: without the cache prefix, with the upstream prefix, and with Docker Hub's `library/` if
    /// that is missing. Call it only for names that `prefix` covers.
    package func upstreamRepository(for name: RepositoryName) -> String {
        let mapped = (upstreamPrefix ?? .root).beginning + name.description.dropFirst(prefix.beginning.count)
        // Docker's official images are known as `nginx` and stored as `library/nginx`. No other repository there has a name of
        // one part.
        guard let namespace = kind.vendor?.implicitNamespace, !mapped.contains("/") else { return mapped }
        return namespace + mapped
    }

    /// The name under which the upstream repository `name` is cached; nil if the rule does not cover it.
    package func cachedName(of name: String) -> RepositoryName? {
        let beginning = (upstreamPrefix ?? .root).beginning
        guard name.hasPrefix(beginning), name.utf8.count > beginning.utf8.count else { return nil }
        return try? RepositoryName(prefix.beginning + name.dropFirst(beginning.count))
    }
}

/// ECR's names for the registries that it can pull through, and one for all others.
package enum UpstreamKind: String, Sendable, CaseIterable {
    case ecr = "ecr"
    case ecrPublic = "ecr-public"
    case quay = "quay"
    case kubernetes = "k8s"
    case dockerHub = "docker-hub"
    case gitHub = "github-container-registry"
    case azure = "azure-container-registry"
    case gitLab = "gitlab-container-registry"
    case chainguard = "chainguard"
    /// Any registry that ECR does not know. Settings must allow it, and it is never a value in ECR's API.
    case other = "other"

    /// The kinds that ECR names: all but `.other`.
    package static let ofECR = allCases.filter { $0 != .other }
}
