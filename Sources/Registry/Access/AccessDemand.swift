package import WeirCore

/// One thing that somebody wants to do, to one resource: what `Access` decides on.
package struct AccessDemand: Sendable {
    package enum Resource: Sendable {
        /// It need not exist.
        case repository(RepositoryName, in: RegistryID)
        case registry(RegistryID)
        /// Something else of an account's, by its ARN, or `*`. It has no policy of its own that would be asked.
        case own(String)
    }

    /// With its service: `ecr:BatchGetImage`.
    package let action: String
    package let resource: Resource
    /// Condition keys that only this has, such as `ecr:AccountSetting`.
    package let facts: [String: [String]]

    package init(_ action: String, on resource: Resource, facts: [String: [String]] = [:]) {
        self.action = action
        self.resource = resource
        self.facts = facts
    }
}
