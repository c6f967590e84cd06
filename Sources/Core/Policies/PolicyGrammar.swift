/// What a policy hangs on, which decides what a statement must and must not say.
package enum PolicyGrammar: Sendable, CaseIterable {
    /// On a user, group or role, as a boundary or in a session: no principal, since it is that identity's.
    case identity
    /// On a role: who may assume it. No resource, since it is that role.
    case trust
    /// On a repository, a registry, a key or a secret.
    case resource

    /// The rules that a document of the right shape must keep, in the order in which IAM tells them.
    var rules: [PolicyDraft.Rule] {
        switch self {
        case .identity:
            [.noPrincipal, .version, .legacyParsing, .sids, .actionsExist, .actionForms, .resourcesExist, .resourceForms]
        case .trust: [.legacyParsing, .actionsExist, .actionForms, .trustActions, .trustMembers]
        case .resource: [.resourcePolicy]
        }
    }

    /// A text that is no JSON at all.
    var notJSON: PolicyFault.Kind { self == .trust ? .notJSON : .syntax }
}

/// The version of the policy language. The older one has no variables.
package enum PolicyVersion: String, Sendable {
    case v2008 = "2008-10-17"
    case v2012 = "2012-10-17"
}

/// The actions that a trust policy may name.
package enum TrustActions {
    package static let assumeRole = "sts:AssumeRole"
    package static let assumeRoleWithWebIdentity = "sts:AssumeRoleWithWebIdentity"
    package static let tagSession = "sts:TagSession"
    package static let setSourceIdentity = "sts:SetSourceIdentity"

    package static let all = [
        assumeRole, assumeRoleWithWebIdentity, "sts:AssumeRoleWithSAML", tagSession, setSourceIdentity,
    ]
}
