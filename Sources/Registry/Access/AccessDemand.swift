package import WeirCore

/// One action on one resource, for `Access` to decide.
package struct AccessDemand: Sendable {
    package enum Resource: Sendable {
        /// The repository need not exist.
        case repository(RepositoryName, in: RegistryID)
        case registry(RegistryID)
        /// Another resource of the caller's account, by its ARN, or `*`, where it is asked for. Only the caller's own policies
        /// decide, since the resource has none.
        case own(String, in: RegistryID)
    }

    /// With its service: `ecr:BatchGetImage`.
    package let action: String
    package let resource: Resource
    /// Condition keys that only this action has, such as `ecr:AccountSetting`.
    package let facts: [String: [String]]
    /// The resource as a denial names it, where its ARN would tell what the caller may not know; nil for the ARN.
    package let shown: String?

    package init(_ action: String, on resource: Resource, facts: [String: [String]] = [:], shown: String? = nil) {
        self.action = action
        self.resource = resource
        self.facts = facts
        self.shown = shown
    }
}
