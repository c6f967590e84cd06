/// A right with which its holder can get more rights than it has, or another's.
enum EscalationPath: CaseIterable {
    case createPolicyVersion, setDefaultPolicyVersion
    case createAccessKey, updateAccessKey
    case attachUserPolicy, attachGroupPolicy, attachRolePolicy
    case putUserPolicy, putGroupPolicy, putRolePolicy
    case addUserToGroup, updateAssumeRolePolicy
    case addProviderClient, updateProviderThumbprint, setProviderKeys
    case createGrant, putKeyPolicy
    case createRootKey

    /// What the right is held on. Rights on a resource of no particular name stand for rights on all of them.
    enum Target {
        /// The managed policies that the principal has, and any other.
        case policy
        /// The principal itself where it is one, the administrators, and any other.
        case user, role
        /// The principal's groups, and any other.
        case group
        case provider, key
        /// Another account of the server.
        case account
    }

    var action: String {
        switch self {
        case .createPolicyVersion: "iam:CreatePolicyVersion"
        case .setDefaultPolicyVersion: "iam:SetDefaultPolicyVersion"
        case .createAccessKey: "iam:CreateAccessKey"
        case .updateAccessKey: "iam:UpdateAccessKey"
        case .attachUserPolicy: "iam:AttachUserPolicy"
        case .attachGroupPolicy: "iam:AttachGroupPolicy"
        case .attachRolePolicy: "iam:AttachRolePolicy"
        case .putUserPolicy: "iam:PutUserPolicy"
        case .putGroupPolicy: "iam:PutGroupPolicy"
        case .putRolePolicy: "iam:PutRolePolicy"
        case .addUserToGroup: "iam:AddUserToGroup"
        case .updateAssumeRolePolicy: "iam:UpdateAssumeRolePolicy"
        case .addProviderClient: "iam:AddClientIDToOpenIDConnectProvider"
        case .updateProviderThumbprint: "iam:UpdateOpenIDConnectProviderThumbprint"
        case .setProviderKeys: "weir:SetProviderKeys"
        case .createGrant: "kms:CreateGrant"
        case .putKeyPolicy: "kms:PutKeyPolicy"
        case .createRootKey: "weir:CreateRootKey"
        }
    }

    var target: Target {
        switch self {
        case .createPolicyVersion, .setDefaultPolicyVersion: .policy
        case .createAccessKey, .updateAccessKey, .attachUserPolicy, .putUserPolicy: .user
        case .attachGroupPolicy, .putGroupPolicy, .addUserToGroup: .group
        case .attachRolePolicy, .putRolePolicy, .updateAssumeRolePolicy: .role
        case .addProviderClient, .updateProviderThumbprint, .setProviderKeys: .provider
        case .createGrant, .putKeyPolicy: .key
        case .createRootKey: .account
        }
    }

    /// The right is harmless on the principal itself.
    var sparesItself: Bool {
        switch self {
        case .createAccessKey, .updateAccessKey, .updateAssumeRolePolicy: true
        default: false
        }
    }

    /// What its holder can do, as the end of a sentence that begins with the principal.
    var sentence: String {
        switch self {
        case .createPolicyVersion: "can write a new version of it and make that the one that counts"
        case .setDefaultPolicyVersion: "can go back to an older, wider version of it"
        case .createAccessKey: "can make a key of that user and sign in as it"
        case .updateAccessKey: "can make a disabled key of that user work again"
        case .attachUserPolicy, .attachGroupPolicy, .attachRolePolicy: "can attach any policy there, AdministratorAccess too"
        case .putUserPolicy, .putGroupPolicy, .putRolePolicy: "can write any policy there"
        case .addUserToGroup: "can put itself into that group"
        case .updateAssumeRolePolicy: "can have that role trust it, and assume it"
        case .addProviderClient: "can have tokens accepted that were made for others"
        case .updateProviderThumbprint: "can have another server's keys believed"
        case .setProviderKeys: "can sign tokens itself for every role that trusts the provider"
        case .createGrant: "can grant itself every use of the key"
        case .putKeyPolicy: "can give itself every right on the key"
        case .createRootKey: "can become the root of that account"
        }
    }

    /// Condition keys of the request that is asked about.
    var context: [String: [String]] {
        switch self {
        case .attachUserPolicy, .attachGroupPolicy, .attachRolePolicy:
            ["iam:PolicyARN": ["arn:aws:iam::aws:policy/AdministratorAccess"]]
        case .createGrant: ["kms:GrantIsForAWSResource": ["false"]]
        default: [:]
        }
    }
}
