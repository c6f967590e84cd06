extension LintedPolicy {
    /// The actions of IAM and STS by which a caller that holds them on every resource can become an administrator: each changes
    /// what an identity may do, makes credentials for another, or lets one be assumed.
    static let escalations = [
        "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:CreateAccessKey", "iam:UpdateAccessKey",
        "iam:AttachUserPolicy", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:PutUserPolicy", "iam:PutGroupPolicy",
        "iam:PutRolePolicy", "iam:AddUserToGroup", "iam:UpdateAssumeRolePolicy", "iam:DetachUserPolicy", "iam:DetachRolePolicy",
        "iam:DetachGroupPolicy", "iam:DeleteUserPolicy", "iam:DeleteRolePolicy", "iam:DeleteGroupPolicy",
        "iam:RemoveUserFromGroup", "iam:DeleteUserPermissionsBoundary", "iam:DeleteRolePermissionsBoundary",
        "iam:PutUserPermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:TagUser", "iam:TagRole", "iam:UpdateUser",
        "iam:UpdateGroup", "iam:CreateOpenIDConnectProvider", "iam:AddClientIDToOpenIDConnectProvider",
        "iam:UpdateOpenIDConnectProviderThumbprint", "sts:AssumeRole",
    ]

    /// An Allow of such an action on every resource and under no condition, where the statement spells the action's service.
    func escalation(_ statement: PolicyStatement) -> [String] {
        guard grammar == .identity, statement.effect == .allow, case .only(let patterns) = statement.actions,
            statement.isAboutEverything, statement.conditions.isEmpty
        else { return [] }
        return Self.escalations.filter { action in patterns.contains { !$0.isEverything && $0.matches(action) } }
    }
}
