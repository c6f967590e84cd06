package import WeirIdentity

/// IAM's operations on policies, OIDC providers and the account as a whole.
package enum IAMPolicyOperations {
    /// - Parameter partition: that of the server's own region, in which IAM's ARNs are.
    package static func table(store: IdentityStore, accessKeys: AccessKeys, partition: String) -> [AWSOperation] {
        let policies = ManagedPolicies(store: store)
        let inline = InlinePolicies(store: store)
        let may = PolicyPermission(policies: policies, inline: inline, partition: partition)
        return ManagedPolicyOperations(policies: policies, may: may).table
            + PolicyVersionOperations(policies: policies, may: may).table
            + AttachmentOperations(attachments: PolicyAttachments(store: store), may: may).table
            + InlinePolicyOperations(policies: inline, may: may).table
            + BoundaryOperations(boundaries: PermissionsBoundaries(store: store), may: may).table
            + OIDCProviderOperations(providers: OIDCProviders(store: store), partition: partition).table
            + AccountOperations(
                aliases: AccountAliases(store: store), details: AccountDetails(store: store), accessKeys: accessKeys,
                partition: partition
            ).table
            + SimulationOperations(sources: PolicySources(store: store), may: may).table
    }
}
