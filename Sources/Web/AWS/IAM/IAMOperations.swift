import WeirCore
package import WeirIdentity

/// The table of IAM: users, groups, roles and what hangs on them.
package enum IAMOperations {
    /// - Parameter partition: that of the server's own region.
    package static func table(
        users: Users, groups: Groups, roles: Roles, profiles: InstanceProfiles, accessKeys: AccessKeys, store: IdentityStore,
        partition: String
    ) -> [AWSOperation] {
        let targets = IAMTargets(entities: Entities(store: store), partition: partition)
        return UserOperations(users: users, keys: accessKeys, targets: targets).table
            + GroupOperations(groups: groups, targets: targets).table
            + AccessKeyOperations(keys: accessKeys, targets: targets).table
            + RoleOperations(roles: roles, targets: targets).table
            + InstanceProfileOperations(profiles: profiles, targets: targets).table
            + ConsoleCredentialOperations(targets: targets).table
            + notYet.map(refused)
    }

    private static func refused(_ name: String) -> AWSOperation {
        AWSOperation(.iam, name, may: .none) { _ in
            throw Refusal(.unsupported, "This server does not have the IAM operation \(name).")
        }
    }

    /// Operations that this server does not have: refused by name, so that no client tries again or takes it for a misspelt name.
    ///
    /// They sign people in to a console by a password, a device, a certificate or SAML, or are about organizations and reports.
    package static let notYet = [
        "AcceptDelegationRequest", "AssociateDelegationRequest", "ChangePassword", "CreateDelegationRequest",
        "CreateLoginProfile", "CreateSAMLProvider", "CreateServiceSpecificCredential", "CreateVirtualMFADevice",
        "DeactivateMFADevice", "DeleteAccountPasswordPolicy", "DeleteSAMLProvider", "DeleteSSHPublicKey",
        "DeleteServerCertificate", "DeleteServiceSpecificCredential", "DeleteSigningCertificate", "DeleteVirtualMFADevice",
        "DisableOrganizationsRootCredentialsManagement", "DisableOrganizationsRootSessions",
        "DisableOutboundWebIdentityFederation", "EnableMFADevice", "EnableOrganizationsRootCredentialsManagement",
        "EnableOrganizationsRootSessions", "EnableOutboundWebIdentityFederation", "GenerateCredentialReport",
        "GenerateOrganizationsAccessReport", "GenerateServiceLastAccessedDetails", "GetAccountPasswordPolicy",
        "GetCredentialReport", "GetDelegationRequest", "GetHumanReadableSummary", "GetMFADevice",
        "GetOrganizationsAccessReport", "GetOutboundWebIdentityFederationInfo", "GetSAMLProvider", "GetSSHPublicKey",
        "GetServerCertificate", "GetServiceLastAccessedDetails", "GetServiceLastAccessedDetailsWithEntities",
        "ListDelegationRequests", "ListMFADeviceTags", "ListOrganizationsFeatures", "ListPoliciesGrantingServiceAccess",
        "ListSAMLProviderTags", "ListSAMLProviders", "ListServerCertificateTags", "ListServerCertificates",
        "RejectDelegationRequest", "ResetServiceSpecificCredential", "ResyncMFADevice", "SendDelegationToken",
        "SetSecurityTokenServicePreferences", "TagMFADevice", "TagSAMLProvider", "TagServerCertificate", "UntagMFADevice",
        "UntagSAMLProvider", "UntagServerCertificate", "UpdateAccountPasswordPolicy", "UpdateDelegationRequest",
        "UpdateLoginProfile", "UpdateSAMLProvider", "UpdateSSHPublicKey", "UpdateServerCertificate",
        "UpdateServiceSpecificCredential", "UpdateSigningCertificate", "UploadSSHPublicKey", "UploadServerCertificate",
        "UploadSigningCertificate",
    ]
}
