/// A condition key that this server fills in for some requests.
package struct ConditionKey: Sendable, Hashable {
    package enum Filler: String, Sendable, CaseIterable {
        case everyRequest, users, sessions, services, taggedPrincipals, taggedResources, taggingRequests, organization
        case ecr, kms, secretsManager, iam, sts, webIdentities
    }

    /// As AWS writes it. One that ends in `/` or `:` is followed by a tag's key or the like.
    package let name: String
    /// A request may have several values: its policies need `ForAnyValue` or `ForAllValues`.
    package let isMany: Bool
    package let filler: Filler

    init(_ name: String, _ filler: Filler, isMany: Bool = false) {
        self.name = name
        self.isMany = isMany
        self.filler = filler
    }

    package var isPrefix: Bool { name.hasSuffix("/") || name.hasSuffix("EncryptionContext:") }

    /// All of them: the global keys, and the services' own. A row for each.
    package static let all: [ConditionKey] =
        global + [
            ConditionKey("ecr:AccountSetting", .ecr), ConditionKey("ecr:ResourceTag/", .taggedResources),
            ConditionKey("weir:ImageTag", .ecr, isMany: true), ConditionKey("weir:ImageDigest", .ecr, isMany: true),
            ConditionKey("kms:CallerAccount", .kms), ConditionKey("kms:ViaService", .kms),
            ConditionKey("kms:EncryptionContext:", .kms), ConditionKey("kms:EncryptionContextKeys", .kms, isMany: true),
            ConditionKey("kms:GrantIsForAWSResource", .kms), ConditionKey("kms:GrantOperations", .kms, isMany: true),
            ConditionKey("kms:GranteePrincipal", .kms), ConditionKey("kms:RetiringPrincipal", .kms),
            ConditionKey("kms:GrantConstraintType", .kms), ConditionKey("kms:KeyOrigin", .kms),
            ConditionKey("kms:KeySpec", .kms), ConditionKey("kms:KeyUsage", .kms), ConditionKey("kms:RequestAlias", .kms),
            ConditionKey("kms:ResourceAliases", .kms, isMany: true), ConditionKey("kms:ResourceTag/", .taggedResources),
            ConditionKey("kms:BypassPolicyLockoutSafetyCheck", .kms), ConditionKey("kms:EncryptionAlgorithm", .kms),
            ConditionKey("kms:ScheduleKeyDeletionPendingWindowInDays", .kms),
            ConditionKey("secretsmanager:SecretId", .secretsManager), ConditionKey("secretsmanager:Name", .secretsManager),
            ConditionKey("secretsmanager:VersionStage", .secretsManager, isMany: true),
            ConditionKey("secretsmanager:VersionId", .secretsManager),
            ConditionKey("secretsmanager:ResourceTag/", .taggedResources),
            ConditionKey("secretsmanager:BlockPublicPolicy", .secretsManager),
            ConditionKey("secretsmanager:KmsKeyId", .secretsManager), ConditionKey("secretsmanager:KmsKeyArn", .secretsManager),
            ConditionKey("secretsmanager:Description", .secretsManager),
            ConditionKey("secretsmanager:resource/AllowRotationLambdaArn", .secretsManager),
            ConditionKey("secretsmanager:RecoveryWindowInDays", .secretsManager),
            ConditionKey("secretsmanager:ForceDeleteWithoutRecovery", .secretsManager),
            ConditionKey("iam:PermissionsBoundary", .iam), ConditionKey("iam:PolicyARN", .iam),
            ConditionKey("iam:PassedToService", .iam), ConditionKey("iam:AWSServiceName", .iam),
            ConditionKey("iam:AssociatedResourceArn", .iam), ConditionKey("iam:ResourceTag/", .taggedResources),
            ConditionKey("sts:ExternalId", .sts), ConditionKey("sts:RoleSessionName", .sts),
            ConditionKey("sts:SourceIdentity", .sts), ConditionKey("sts:TransitiveTagKeys", .sts, isMany: true),
            ConditionKey("sts:DurationSeconds", .sts), ConditionKey("sts:AWSServiceName", .sts),
        ]

    private static let global: [ConditionKey] = [
        ConditionKey("aws:PrincipalArn", .everyRequest), ConditionKey("aws:PrincipalAccount", .everyRequest),
        ConditionKey("aws:PrincipalType", .everyRequest), ConditionKey("aws:userid", .everyRequest),
        ConditionKey("aws:username", .users), ConditionKey("aws:PrincipalTag/", .taggedPrincipals),
        ConditionKey("aws:PrincipalIsAWSService", .everyRequest), ConditionKey("aws:PrincipalServiceName", .services),
        ConditionKey("aws:ViaAWSService", .everyRequest), ConditionKey("aws:CalledVia", .services, isMany: true),
        ConditionKey("aws:CalledViaFirst", .services), ConditionKey("aws:CalledViaLast", .services),
        ConditionKey("aws:SourceAccount", .services), ConditionKey("aws:SourceArn", .services),
        ConditionKey("aws:TokenIssueTime", .sessions), ConditionKey("aws:SourceIdentity", .sessions),
        ConditionKey("aws:FederatedProvider", .sessions), ConditionKey("aws:SourceIp", .everyRequest),
        ConditionKey("aws:SecureTransport", .everyRequest), ConditionKey("aws:UserAgent", .everyRequest),
        ConditionKey("aws:CurrentTime", .everyRequest), ConditionKey("aws:EpochTime", .everyRequest),
        ConditionKey("aws:RequestedRegion", .everyRequest), ConditionKey("aws:ResourceAccount", .everyRequest),
        ConditionKey("aws:ResourceTag/", .taggedResources), ConditionKey("aws:RequestTag/", .taggingRequests),
        ConditionKey("aws:TagKeys", .taggingRequests, isMany: true),
        ConditionKey("aws:PrincipalOrgID", .organization), ConditionKey("aws:ResourceOrgID", .organization),
    ]
}
