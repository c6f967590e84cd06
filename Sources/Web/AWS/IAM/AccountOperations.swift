import WeirCore
import WeirIdentity

/// What concerns an account as a whole: its alias, its numbers, and everything that it has.
struct AccountOperations: Sendable {
    let aliases: AccountAliases
    let details: AccountDetails
    let accessKeys: AccessKeys
    let partition: String

    var table: [AWSOperation] {
        [
            AWSOperation(
                .iam, "CreateAccountAlias", may: .account,
                doing: { try await aliases.set($0.accountAlias(), of: $0.caller.account) }),
            AWSOperation(.iam, "ListAccountAliases", may: .account, { try await listAliases($0) }),
            AWSOperation(
                .iam, "DeleteAccountAlias", may: .account,
                doing: { try await aliases.delete($0.accountAlias(), of: $0.caller.account) }),
            AWSOperation(.iam, "GetAccountSummary", may: .account, answers: .maps("SummaryMap"), { try await summary($0) }),
            AWSOperation(.iam, "GetAccountAuthorizationDetails", may: .account, { try await authorizationDetails($0) }),
        ]
    }

    private func listAliases(_ call: AWSCall) async throws -> JSONValue {
        let page = try IAMPageRequest(call, of: "ListAccountAliases")
        let alias = try await aliases.alias(of: call.caller.account)
        return page.answer(alias.map { [$0] } ?? [], next: nil, as: "AccountAliases") { .string($0) }
    }

    // MARK: GetAccountSummary

    /// IAM's own quotas. How many users, roles, groups and policies there are is told, and not limited.
    private static let quotas: [String: Int64] = [
        "UsersQuota": 5_000, "GroupsQuota": 300, "ServerCertificates": 0, "ServerCertificatesQuota": 20,
        "UserPolicySizeQuota": 2_048, "GroupPolicySizeQuota": 5_120, "RolePolicySizeQuota": 10_240, "GroupsPerUserQuota": 10,
        "SigningCertificatesPerUserQuota": 2, "AccessKeysPerUserQuota": 2, "MFADevices": 0, "MFADevicesInUse": 0,
        "AccountMFAEnabled": 0, "AccountPasswordPresent": 0, "AccountSigningCertificatesPresent": 0,
        "AttachedPoliciesPerGroupQuota": 10, "AttachedPoliciesPerRoleQuota": 10, "AttachedPoliciesPerUserQuota": 10,
        "PoliciesQuota": 1_500, "PolicySizeQuota": 6_144, "PolicyVersionsInUseQuota": 10_000, "VersionsPerPolicyQuota": 5,
        "GlobalEndpointTokenVersion": 2, "AssumeRolePolicySizeQuota": 2_048, "InstanceProfilesQuota": 1_000,
        "RolesQuota": 1_000,
    ]

    private func summary(_ call: AWSCall) async throws -> JSONValue {
        let counts = try await details.counts(of: call.caller.account)
        var summary = Self.quotas
        summary["Users"] = counts.users
        summary["Groups"] = counts.groups
        summary["Roles"] = counts.roles
        summary["Policies"] = counts.policies
        summary["PolicyVersionsInUse"] = counts.policyVersions
        summary["InstanceProfiles"] = counts.instanceProfiles
        summary["Providers"] = counts.oidcProviders
        summary["AccountAccessKeysPresent"] = accessKeys.rootAccounts.contains(call.caller.account) ? 1 : 0
        return ["SummaryMap": .object(summary.mapValues { .integer($0) })]
    }

    // MARK: GetAccountAuthorizationDetails

    private func authorizationDetails(_ call: AWSCall) async throws -> JSONValue {
        let filter = try call.input.optionalChoices("Filter", AccountDetail.Kind.self) ?? []
        let kinds = Set(filter.isEmpty ? AccountDetail.Kind.allCases : filter)
        let listing = kinds.map(\.rawValue).sorted().joined(separator: " ")
        let page = try IAMPageRequest(call, of: "GetAccountAuthorizationDetails \(listing)")
        let (found, next) = try await details.list(kinds, of: call.caller.account, after: page.after, limit: page.limit)
        func list(_ kinds: AccountDetail.Kind...) -> JSONValue {
            .array(found.filter { kinds.contains($0.kind) }.map { $0.json(partition) })
        }
        return page.answer(found, next: next, as: "UserDetailList") { _ in .null }.adding([
            "UserDetailList": list(.user), "GroupDetailList": list(.group), "RoleDetailList": list(.role),
            "Policies": list(.ownPolicy, .awsPolicy),
        ])
    }
}

extension AccountDetail {
    fileprivate func json(_ partition: String) -> JSONValue {
        switch item {
        case .holder(let holder): holder.json(partition)
        case .policy(let policy, versions: let versions):
            policy.json(partition).adding([
                "Description": policy.description.map { .string($0) },
                "PolicyVersionList": .array(versions.map { $0.json.adding(["Document": .policyDocument($0.document)]) }),
            ])
        }
    }
}

extension AccountDetail.Holder {
    fileprivate func json(_ partition: String) -> JSONValue {
        let word = entity.kind.word
        let all: [String: JSONValue] = [
            "Path": .string(entity.path), "\(word)Name": .string(entity.name), "\(word)Id": .string(entity.id),
            "Arn": .string(entity.arn(partition: partition)), "CreateDate": .moment(entity.createdAt),
            "\(word)PolicyList": .array(
                inline.map { ["PolicyName": .string($0.name), "PolicyDocument": .policyDocument($0.document)] }),
            "AttachedManagedPolicies": .array(attached.map { $0.attached(partition) }),
        ]
        guard entity.kind != .group else { return .object(all) }
        let boundary = entity.boundary.map { arn in
            JSONValue.object([
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": .string(ManagedPolicyARN(arn)?.text(partition: partition) ?? arn),
            ])
        }
        return JSONValue.object(all).adding([
            "PermissionsBoundary": boundary, "Tags": entity.tags.isEmpty ? nil : .tagList(entity.tags),
            "GroupList": entity.kind == .user ? .array(groups.map { .string($0) }) : nil,
        ]).adding(role.map { $0.json(profiles, of: entity, partition) } ?? [:])
    }
}

extension RoleFacts {
    /// What a role has beside what users have.
    fileprivate func json(
        _ profiles: [Entity], of role: Entity, _ partition: String
    ) -> KeyValuePairs<String, JSONValue?> {
        let brief: JSONValue = [
            "Path": .string(role.path), "RoleName": .string(role.name), "RoleId": .string(role.id),
            "Arn": .string(role.arn(partition: partition)), "CreateDate": .moment(role.createdAt),
            "AssumeRolePolicyDocument": .policyDocument(trust),
        ]
        return [
            "AssumeRolePolicyDocument": .policyDocument(trust),
            "RoleLastUsed": .members([
                "LastUsedDate": lastUsedAt.map { .moment($0) }, "Region": lastUsedRegion.map { .string($0) },
            ]),
            "InstanceProfileList": .array(
                profiles.map { profile in
                    [
                        "Path": .string(profile.path), "InstanceProfileName": .string(profile.name),
                        "InstanceProfileId": .string(profile.id), "Arn": .string(profile.arn(partition: partition)),
                        "CreateDate": .moment(profile.createdAt), "Roles": [brief],
                    ]
                }),
        ]
    }
}
