import WeirCore

/// Which upstream registries cache rules may name. The defaults are ECR's.
package struct UpstreamPolicy: Sendable, Equatable {
    package enum Hosts: Sendable {
        /// The hosts that ECR knows.
        case known
        /// Any host, with or without a port. A host that ECR does not know is asked as a registry by the OCI specification.
        case any
    }

    package enum Secrets: Sendable {
        /// Docker Hub, GitHub, GitLab, Azure and Chainguard need a secret.
        case asECRDemands
        /// No upstream needs one: without a secret it is asked without a login.
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
