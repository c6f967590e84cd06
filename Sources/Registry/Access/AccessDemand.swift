package import WeirCore
package import WeirVault

/// One action on one resource, for `Access` to decide.
package struct AccessDemand: Sendable {
    package enum Resource: Sendable {
        /// The repository need not exist.
        case repository(RepositoryName, in: RegistryID)
        /// All repositories of a registry, for a list that shows those which the caller may describe.
        case repositories(in: RegistryID)
        case registry(RegistryID)
        /// Another resource of the caller's account, by its ARN, or `*`, where it is asked for. Only the caller's own policies
        /// decide, since the resource has none.
        case own(String, in: RegistryID)
        case key(KeyDemand)
        /// A secret, by its name or ARN. It need not exist.
        case secret(String, in: RegistryID)
    }

    /// Which image an action on a repository is for: `weir:ImageTag` and `weir:ImageDigest`. A key is there where the request
    /// names the image by it: a request by digest has no tag, even where tags point at the image.
    package enum Image: Sendable {
        case reference(Reference)
        case named(tag: String?, digest: String?)
    }

    /// With its service: `ecr:BatchGetImage`.
    package let action: String
    package let resource: Resource
    /// Condition keys that only this action has, such as `ecr:AccountSetting`.
    package let facts: [String: [String]]
    /// The resource as a denial names it, where its ARN would tell what the caller may not know; nil for the ARN.
    package let shown: String?
    package var image: Image?
    /// The service that asks in the caller's name, such as `ecr` for the key of a new repository: `aws:CalledVia`.
    package var via: String?

    package init(
        _ action: String, on resource: Resource, facts: [String: [String]] = [:], image: Image? = nil, via: String? = nil,
        shown: String? = nil
    ) {
        self.action = action
        self.resource = resource
        self.facts = facts
        self.image = image
        self.via = via
        self.shown = shown
    }

    /// The right to hand a role over to a service, which will act by it.
    package static func passRole(_ arn: String, to service: ServicePrincipal, in registry: RegistryID) -> AccessDemand {
        AccessDemand("iam:PassRole", on: .own(arn, in: registry), facts: ["iam:PassedToService": [service.rawValue]])
    }
}
