/// IAM operations that this server does not have. Only the account's root can sign in: there are no users or roles, and no
/// policies for them.
package enum IAMOperations {
    package static let notYet = [
        "AcceptDelegationRequest", "AddRoleToInstanceProfile", "AddUserToGroup", "AssociateDelegationRequest", "ChangePassword",
        "CreateAccessKey", "CreateDelegationRequest", "CreateGroup", "CreateInstanceProfile", "CreateLoginProfile", "CreateRole",
        "CreateSAMLProvider", "CreateServiceLinkedRole", "CreateServiceSpecificCredential", "CreateUser",
        "CreateVirtualMFADevice",
        "DeactivateMFADevice", "DeleteAccessKey", "DeleteAccountPasswordPolicy", "DeleteGroup", "DeleteInstanceProfile",
        "DeleteLoginProfile", "DeleteRole", "DeleteSAMLProvider", "DeleteSSHPublicKey", "DeleteServerCertificate",
        "DeleteServiceLinkedRole", "DeleteServiceSpecificCredential", "DeleteSigningCertificate", "DeleteUser",
        "DeleteVirtualMFADevice", "DisableOrganizationsRootCredentialsManagement", "DisableOrganizationsRootSessions",
        "DisableOutboundWebIdentityFederation", "EnableMFADevice", "EnableOrganizationsRootCredentialsManagement",
        "EnableOrganizationsRootSessions", "EnableOutboundWebIdentityFederation", "GenerateCredentialReport",
        "GenerateOrganizationsAccessReport", "GenerateServiceLastAccessedDetails", "GetAccessKeyLastUsed",
        "GetAccountPasswordPolicy", "GetCredentialReport", "GetDelegationRequest", "GetGroup", "GetHumanReadableSummary",
        "GetInstanceProfile", "GetLoginProfile", "GetMFADevice", "GetOrganizationsAccessReport",
        "GetOutboundWebIdentityFederationInfo", "GetRole", "GetSAMLProvider", "GetSSHPublicKey", "GetServerCertificate",
        "GetServiceLastAccessedDetails", "GetServiceLastAccessedDetailsWithEntities", "GetServiceLinkedRoleDeletionStatus",
        "ListAccessKeys", "ListDelegationRequests", "ListGroups", "ListGroupsForUser", "ListInstanceProfileTags",
        "ListInstanceProfiles", "ListInstanceProfilesForRole", "ListMFADeviceTags", "ListMFADevices", "ListOrganizationsFeatures",
        "ListPoliciesGrantingServiceAccess", "ListRoleTags", "ListRoles", "ListSAMLProviderTags", "ListSAMLProviders",
        "ListSSHPublicKeys", "ListServerCertificateTags", "ListServerCertificates", "ListServiceSpecificCredentials",
        "ListSigningCertificates", "ListUserTags", "ListUsers", "ListVirtualMFADevices", "RejectDelegationRequest",
        "RemoveRoleFromInstanceProfile", "RemoveUserFromGroup", "ResetServiceSpecificCredential", "ResyncMFADevice",
        "SendDelegationToken", "SetSecurityTokenServicePreferences", "TagInstanceProfile", "TagMFADevice", "TagRole",
        "TagSAMLProvider", "TagServerCertificate", "TagUser", "UntagInstanceProfile", "UntagMFADevice", "UntagRole",
        "UntagSAMLProvider", "UntagServerCertificate", "UntagUser", "UpdateAccessKey", "UpdateAccountPasswordPolicy",
        "UpdateAssumeRolePolicy", "UpdateDelegationRequest", "UpdateGroup", "UpdateLoginProfile", "UpdateRole",
        "UpdateRoleDescription", "UpdateSAMLProvider", "UpdateSSHPublicKey", "UpdateServerCertificate",
        "UpdateServiceSpecificCredential", "UpdateSigningCertificate", "UpdateUser", "UploadSSHPublicKey",
        "UploadServerCertificate", "UploadSigningCertificate",
    ]
}
