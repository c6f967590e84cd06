import WeirCore

extension RegistrySchema {
    /// What can be set of a cache rule beyond ECR's API, as JSON; null where nothing is.
    static let ruleOptions: [Migration] = [
        Migration("registry-2-rule-options", ["ALTER TABLE cache_rule ADD COLUMN options TEXT"])
    ]
}
