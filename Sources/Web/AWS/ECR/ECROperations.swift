import WeirCore
package import WeirIdentity
package import WeirRegistry

/// The table of the ECR API: a row for each of the 58 operations of botocore 1.43's model.
package enum ECROperations {
    package static func table(registry: Registry, tokens: RegistryTokens) -> [AWSOperation] {
        // Added one by one: the compiler takes too long over one sum.
        var table: [AWSOperation] = []
        table += RegistryOperations(registry: registry, tokens: tokens).table
        table += RepositoryOperations(registry: registry).table
        table += PolicyOperations(registry: registry).table
        table += LifecycleOperations(registry: registry).table
        table += TagOperations(registry: registry).table
        table += ImageOperations(registry: registry).table
        table += LayerOperations(registry: registry, tokens: tokens).table
        table += CacheRuleOperations(registry: registry).table
        table += TemplateOperations(registry: registry).table
        table += RegistryPolicyOperations(registry: registry).table
        table += AccountSettingOperations(registry: registry).table
        table += PullTimeExclusionOperations(registry: registry).table
        table += ReplicationOperations(registry: registry).table
        table += ScanningOperations(registry: registry).table
        table += SigningOperations(registry: registry).table
        table += ReferrerOperations(registry: registry).table
        return table
    }
}
