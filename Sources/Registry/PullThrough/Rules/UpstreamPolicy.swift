import WeirCore

/// Which upstream registries cache rules may name. The defaults are ECR's.
package struct UpstreamPolicy: Sendable, Equatable {
    package enum Hosts: Sendable {
        /// The hosts that ECR knows.
        case known
        /// Any host, with or without a port. One that ECR does not know is a registry as the OCI describes it.
        case any
    }

    package enum Secrets: Sendable {
        /// Docker Hub, GitHub, GitLab, Azure and Chainguard need a secret.
        case asECRDemands
        /// No upstream needs one: it is asked without login.
        case optional
    }

    package var hosts: Hosts
    package var secrets: Secrets
    /// How many rules a registry may have: ECR's quota.
    package var rulesPerRegistry: Int

    package init(hosts: Hosts = .known, secrets: Secrets = .asECRDemands, rulesPerRegistry: Int = CacheRule.perRegistry) {
        self.hosts = hosts
        self.secrets = secrets
        self.rulesPerRegistry = rulesPerRegistry
    }
}
