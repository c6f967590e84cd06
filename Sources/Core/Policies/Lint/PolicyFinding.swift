/// Something in an accepted policy that its author can hardly have meant, or should know.
package struct PolicyFinding: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case authorizationTokenOnRepository, forAllValuesInAllow, unboundSubject, unverifiedEmail, reusableNames
        case passRoleOnEverything, neverFilledKey, notPrincipalInDeny, everyone, pastBoundary, resourcePolicyWriter, escalation
    }

    package let kind: Kind
    /// The statement's Sid in quotation marks, or its number from 1.
    package let statement: String
    /// What the finding is about: a key, an action or a principal.
    package let detail: String

    /// A sentence for the policy's author.
    package var text: String {
        let subject = "The statement \(statement)"
        return switch kind {
        case .authorizationTokenOnRepository:
            "\(subject) allows ecr:GetAuthorizationToken on \(detail): the action has no resource, so only Resource \"*\" allows it."
        case .forAllValuesInAllow:
            "\(subject) allows by \(detail): ForAllValues also holds for a request without the key. Add a Null condition, or use "
                + "ForAnyValue."
        case .unboundSubject: "\(subject) trusts an identity provider of many tenants: \(detail)."
        case .unverifiedEmail:
            "\(subject) trusts \(detail), which the provider may not have verified: compare email_verified too, or sub."
        case .reusableNames:
            "\(subject) trusts names in \(detail), which others can register once they are given up: compare the ids of the "
                + "repository or its owner too."
        case .passRoleOnEverything:
            "\(subject) allows iam:PassRole on \(detail): name the roles, and the service in iam:PassedToService."
        case .neverFilledKey: "\(subject) needs the condition key \(detail), which is never filled on this server."
        case .notPrincipalInDeny:
            "\(subject) denies all but \(detail): a caller with a permissions boundary is denied although it is listed, and a session "
                + "unless it is listed with its role and its account. Compare aws:PrincipalArn instead."
        case .everyone: "\(subject) allows everyone, clients of other accounts too, and has no condition."
        case .pastBoundary:
            "\(subject) names \(detail) itself: in its own account that allows it whatever its permissions boundary and its "
                + "session policies leave out. Only a Deny there limits it."
        case .resourcePolicyWriter:
            "\(subject) allows \(detail) on every resource: by such a policy its holder can allow itself more than its permissions "
                + "boundary does."
        case .escalation: "\(subject) allows \(detail): with it a caller can give itself every right."
        }
    }
}

extension PolicyDocument {
    /// What its author should know: by kind, then in the order of the document.
    ///
    /// - Parameter organization: the server's accounts form an organization, whose condition keys are filled.
    package func findings(as grammar: PolicyGrammar, organization: Bool = false) -> [PolicyFinding] {
        let subject = LintedPolicy(document: self, grammar: grammar, organization: organization)
        return PolicyFinding.Kind.allCases.flatMap { kind in
            statements.enumerated().flatMap { index, statement in
                subject.details(kind, statement).map {
                    PolicyFinding(kind: kind, statement: statement.label(at: index), detail: $0)
                }
            }
        }
    }
}

/// A policy, with what the rules need to know beyond it.
struct LintedPolicy {
    let document: PolicyDocument
    let grammar: PolicyGrammar
    let organization: Bool

    func details(_ kind: PolicyFinding.Kind, _ statement: PolicyStatement) -> [String] {
        switch kind {
        case .authorizationTokenOnRepository: authorizationTokenOnRepository(statement)
        case .forAllValuesInAllow: forAllValuesInAllow(statement)
        case .unboundSubject: unboundSubject(statement)
        case .unverifiedEmail: unverifiedEmail(statement)
        case .reusableNames: reusableNames(statement)
        case .passRoleOnEverything: passRoleOnEverything(statement)
        case .neverFilledKey: neverFilledKey(statement)
        case .notPrincipalInDeny: notPrincipalInDeny(statement)
        case .everyone: everyone(statement)
        case .pastBoundary: pastBoundary(statement)
        case .resourcePolicyWriter: resourcePolicyWriter(statement)
        case .escalation: escalation(statement)
        }
    }
}

extension PolicyStatement {
    /// The statement names the action, by itself or with a wildcard.
    func covers(action: String) -> Bool {
        let isNamed = actions.items.contains { $0.matches(action) }
        return if case .only = actions { isNamed } else { !isNamed }
    }

    /// The statement is about every resource, or about all but some.
    var isAboutEverything: Bool {
        switch resources {
        case .only(let patterns)?: patterns.contains(where: \.isEverything)
        case .allBut?: true
        case nil: false
        }
    }
}
