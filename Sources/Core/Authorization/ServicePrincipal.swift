/// A part of this server that acts by itself, as AWS's service of that name would.
package enum ServicePrincipal: String, Sendable, CaseIterable {
    case pullThroughCache = "pullthroughcache.ecr.amazonaws.com"
    case replication = "replication.ecr.amazonaws.com"
    case templates = "ecr.amazonaws.com"

    /// The name of its service-linked role, by which policies may name it too.
    private var roleName: String {
        switch self {
        case .pullThroughCache: "AWSServiceRoleForECRPullThroughCache"
        case .replication: "AWSServiceRoleForECRReplication"
        case .templates: "AWSServiceRoleForECRTemplate"
        }
    }

    package func roleARN(in registry: RegistryID) -> String {
        "arn:\(registry.region.partition):iam::\(registry.account):role/aws-service-role/\(rawValue)/\(roleName)"
    }

    package func caller(in registry: RegistryID) -> Caller {
        Caller(account: registry.account, kind: .service(rawValue), principalARN: roleARN(in: registry), userID: rawValue)
    }
}
