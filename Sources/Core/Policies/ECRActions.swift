/// The IAM actions that a repository or registry policy may name: Amazon ECR's, and those of this server's operators.
package enum ECRActions {
    /// The actions that are operations too.
    package static let operations = [
        "BatchCheckLayerAvailability", "BatchDeleteImage", "BatchGetImage", "BatchGetRepositoryScanningConfiguration",
        "CompleteLayerUpload", "CreatePullThroughCacheRule", "CreateRepository", "CreateRepositoryCreationTemplate",
        "DeleteLifecyclePolicy", "DeletePullThroughCacheRule", "DeleteRegistryPolicy", "DeleteRepository",
        "DeleteRepositoryCreationTemplate", "DeleteRepositoryPolicy", "DeleteSigningConfiguration",
        "DeregisterPullTimeUpdateExclusion", "DescribeImageReplicationStatus", "DescribeImageScanFindings",
        "DescribeImageSigningStatus", "DescribeImages", "DescribePullThroughCacheRules", "DescribeRegistry",
        "DescribeRepositories", "DescribeRepositoryCreationTemplates", "GetAccountSetting", "GetAuthorizationToken",
        "GetDownloadUrlForLayer", "GetLifecyclePolicy", "GetLifecyclePolicyPreview", "GetRegistryPolicy",
        "GetRegistryScanningConfiguration", "GetRepositoryPolicy", "GetSigningConfiguration", "InitiateLayerUpload",
        "ListImages", "ListPullTimeUpdateExclusions", "ListTagsForResource", "PutAccountSetting", "PutImage",
        "PutImageScanningConfiguration", "PutImageTagMutability", "PutLifecyclePolicy", "PutRegistryPolicy",
        "PutRegistryScanningConfiguration", "PutReplicationConfiguration", "PutSigningConfiguration",
        "RegisterPullTimeUpdateExclusion", "SetRepositoryPolicy", "StartImageScan", "StartLifecyclePolicyPreview",
        "TagResource", "UntagResource", "UpdateImageStorageClass", "UpdatePullThroughCacheRule",
        "UpdateRepositoryCreationTemplate", "UploadLayerPart", "ValidatePullThroughCacheRule",
    ]

    /// The actions that are not operations (docs/ecr.md, "Actions without an operation").
    static let permissionsOnly = ["BatchImportUpstreamImage", "GetImageCopyStatus", "ReplicateImage"]

    /// The operations of the operator API that need an action of their own (docs/operating.md).
    package static let operators = [
        "DeleteLost", "DescribeRule", "DescribeRun", "DescribeWarm", "ExplainImage", "ListLost", "ListRules", "ListRuns",
        "ListWarms",
        "RefreshImage", "RestoreLost", "RunLifecycle", "SetRuleOptions", "StartGarbageCollection", "StartVerification",
        "StartWarm",
    ]

    /// The operations of the operator API that concern accounts, identities and their policies. No repository's or registry's
    /// policy can grant them: only a policy of the caller's own does.
    package static let accountOperators = [
        "CheckPolicies", "CreateAccount", "CreateRootKey", "DisableAccount", "EnableAccount", "ExplainAuthorization",
        "ExportIdentity", "ListAccounts", "ListKeys", "RemoveKey", "RevokeSessions", "SetProviderKeys",
        "TestWebIdentity",
    ]

    /// The service of the operators' actions.
    static let operatorService = "weir"

    static let all =
        (operations + permissionsOnly).map { "ecr:\($0)" } + operators.map { "\(operatorService):\($0)" }
}

extension PolicyDocument {
    /// Throws if a statement names an unknown action. A misspelt action would make an Allow grant nothing, or a Deny forbid
    /// nothing.
    package func checkActions() throws(PolicyError) {
        for statement in statements {
            guard let stranger = statement.actionOutsideECR else { continue }
            throw PolicyError("the action '\(stranger)' is none of Amazon ECR")
        }
    }
}

extension PolicyStatement {
    fileprivate var actionOutsideECR: String? {
        let stranger = actions.items.first { pattern in !ECRActions.all.contains { pattern.matches($0) } }
        return stranger.map(\.text)
    }
}
