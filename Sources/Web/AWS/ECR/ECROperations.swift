import WeirCore
package import WeirIdentity
package import WeirRegistry

/// The table of the ECR API: a row for each of the 58 operations of botocore 1.43's model, the ones that are not here yet included.
package enum ECROperations {
    package static func table(registry: Registry, tokens: RegistryTokens) -> [AWSOperation] {
        RegistryOperations(registry: registry, tokens: tokens).table
            + RepositoryOperations(registry: registry).table
            + PolicyOperations(registry: registry).table
            + TagOperations(registry: registry).table
            + ImageOperations(registry: registry).table
            + CacheRuleOperations(registry: registry).table
            + TemplateOperations(registry: registry).table
            + notYet.map(refused)
    }

    /// What ECR has and this server does not. It is told apart from a name that nobody knows: `UnsupportedOperationException` against
    /// `UnknownOperationException`, both 400, so that no client tries again.
    package static let notYet = [
        "BatchCheckLayerAvailability", "BatchGetRepositoryScanningConfiguration", "CompleteLayerUpload",
        "DeleteRegistryPolicy", "DeleteSigningConfiguration", "DeregisterPullTimeUpdateExclusion",
        "DescribeImageReplicationStatus", "DescribeImageScanFindings", "DescribeImageSigningStatus",
        "GetAccountSetting", "GetDownloadUrlForLayer", "GetLifecyclePolicyPreview", "GetRegistryPolicy",
        "GetRegistryScanningConfiguration", "GetSigningConfiguration", "InitiateLayerUpload", "ListImageReferrers",
        "ListPullTimeUpdateExclusions", "PutAccountSetting", "PutImage", "PutRegistryPolicy",
        "PutRegistryScanningConfiguration", "PutReplicationConfiguration", "PutSigningConfiguration",
        "RegisterPullTimeUpdateExclusion", "StartImageScan", "StartLifecyclePolicyPreview",
        "UpdateImageStorageClass", "UploadLayerPart",
    ]

    private static func refused(_ name: String) -> AWSOperation {
        AWSOperation(.ecr, name) { _ in
            throw Refusal(.unsupported, "This server does not have the ECR operation \(name) yet.")
        }
    }
}
