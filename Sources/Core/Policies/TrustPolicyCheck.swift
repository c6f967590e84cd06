/// Whether a trust policy lets in more web identities than can be meant. It applies when a policy is saved, not when it is read
/// back.
///
/// An identity provider of many tenants signs tokens for everyone who has an account there: only the token's subject says whose
/// it is. A trust that does not bind the subject lets each of them assume the role.
package enum TrustPolicyCheck {
    /// Nil if the policy may be saved.
    package static func fault(in document: PolicyDocument) -> PolicyFault? {
        for statement in document.statements {
            if let fault = fault(in: statement) { return fault }
        }
        return nil
    }

    static func fault(in statement: PolicyStatement) -> PolicyFault? {
        guard statement.effect == .allow, statement.covers(action: TrustActions.assumeRoleWithWebIdentity) else { return nil }
        for provider in statement.providers {
            let issuer = issuer(of: provider)
            if let condition = statement.conditions.first(where: { $0.isVacuous(for: issuer) }) {
                return PolicyFault(
                    .unboundSubject(key: condition.key), "it compares \(condition.key) by ForAllValues, which holds for none")
            }
            guard let shared = SharedIssuer.all.first(where: { $0.host == issuer.asciiLowercased }) else { continue }
            let key = shared.host + ":sub"
            guard statement.conditions.contains(where: { $0.binds(key, of: shared) }) else {
                return PolicyFault(.unboundSubject(key: key), "it trusts \(shared.host) and does not bind the subject")
            }
        }
        return nil
    }

    /// The issuer without its scheme, of a provider's ARN: `token.actions.githubusercontent.com`. Another text is itself.
    package static func issuer(of provider: String) -> String {
        guard let place = provider.firstRange(of: ":oidc-provider/") else { return provider }
        return String(provider[place.upperBound...])
    }
}

/// An issuer whose tokens are for everyone, and how its subjects name a tenant.
struct SharedIssuer: Sendable {
    /// Without a scheme, in lower case.
    let host: String
    /// What stands before the tenant's name in a subject. Empty where subjects are numbers or the like: they must be whole.
    let leads: [String]

    static let all = [
        SharedIssuer(host: "token.actions.githubusercontent.com", leads: ["repo:", "repository_owner:", "repository:"]),
        SharedIssuer(host: "gitlab.com", leads: ["project_path:", "group_path:", "namespace_path:"]),
        SharedIssuer(host: "app.terraform.io", leads: ["organization:"]),
        SharedIssuer(host: "agent.buildkite.com", leads: ["organization:"]),
        SharedIssuer(host: "oidc.vercel.com", leads: ["owner:"]),
        SharedIssuer(host: "api.pulumi.com/oidc", leads: ["pulumi:deploy:org:", "pulumi:environments:org:"]),
        SharedIssuer(host: "accounts.google.com", leads: []),
        SharedIssuer(host: "login.microsoftonline.com/common/v2.0", leads: []),
    ]

    /// True if every subject that the pattern fits is one tenant's: the name after the lead has an end before the first wildcard.
    func isOneTenant(_ pattern: PolicyPattern) -> Bool {
        guard !pattern.hasVariables else { return false }
        if pattern.isLiteral { return !pattern.head.isEmpty }
        let head = String(decoding: pattern.head, as: UTF8.self)
        guard let lead = leads.first(where: head.hasPrefix) else { return false }
        let rest = head.utf8.dropFirst(lead.utf8.count)
        guard let end = rest.firstIndex(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") }) else { return false }
        return end > rest.startIndex
    }
}

extension PolicyStatement {
    /// The identity providers that the statement names.
    var providers: [String] {
        guard case .only(let principals)? = principals else { return [] }
        return principals.compactMap { if case .federated(let provider) = $0 { provider } else { nil } }
    }
}

extension PolicyCondition {
    /// `ForAllValues` on the subject or the audience: it holds for a token without any.
    fileprivate func isVacuous(for issuer: String) -> Bool {
        let issuer = issuer.asciiLowercased
        return operation.quantifier == .forAllValues && (key == issuer + ":sub" || key == issuer + ":aud")
    }

    /// True if the condition holds only for subjects of tenants that it names.
    fileprivate func binds(_ key: String, of issuer: SharedIssuer) -> Bool {
        guard self.key == key, !operation.isNegated, !operation.ifExists, operation.quantifier != .forAllValues,
            case .text(let patterns) = test, !patterns.isEmpty
        else { return false }
        return patterns.allSatisfy(issuer.isOneTenant)
    }
}
