/// What a caller wants to do: the input of a policy's evaluation.
package struct PolicyRequest: Sendable {
    package let caller: Caller
    /// Such as `ecr:BatchGetImage`.
    package let action: String
    /// The ARN of the resource.
    package let resource: String
    package let context: PolicyContext

    package init(caller: Caller, action: String, resource: String, context: PolicyContext) {
        self.caller = caller
        self.action = action
        self.resource = resource
        self.context = context
    }
}

/// The result of evaluating policies for a request.
package enum PolicyDecision: Sendable, Equatable {
    /// A statement allows this principal.
    case allowed
    /// A statement allows the caller's account: the account's own policies must allow it as well. For the account's root this is
    /// `allowed`, since it is the account.
    case delegated
    /// A statement denies it, whatever other statements allow.
    case denied
    /// No statement matches: denied unless something else allows it.
    case silent
}

extension PolicyDocument {
    /// Evaluates this policy. Any Deny wins; otherwise `allowed` wins over `delegated`.
    package func decision(on request: PolicyRequest) -> PolicyDecision {
        var decision = PolicyDecision.silent
        for statement in statements {
            let fit = statement.fit(request)
            guard fit != .none else { continue }
            if statement.effect == .deny { return .denied }
            if fit == .exactly { decision = .allowed } else if decision == .silent { decision = .delegated }
        }
        return decision
    }

    /// True if the result can depend on the request's context. If false, the context need not be gathered.
    package var readsContext: Bool {
        statements.contains { statement in
            guard statement.conditions.isEmpty else { return true }
            return switch statement.resources {
            case .only(let patterns)?, .allBut(let patterns)?: patterns.contains(where: \.hasVariables)
            case nil: false
            }
        }
    }
}

extension Sequence<PolicyDocument> {
    /// Evaluates several policies together: any Deny wins, then any Allow.
    package func decision(on request: PolicyRequest) -> PolicyDecision {
        var decision = PolicyDecision.silent
        for policy in self {
            switch policy.decision(on: request) {
            case .denied: return .denied
            case .allowed: decision = .allowed
            case .delegated where decision == .silent: decision = .delegated
            case .delegated, .silent: break
            }
        }
        return decision
    }
}

extension PolicyStatement {
    /// How closely the statement matches the request; `.none` if it does not.
    fileprivate func fit(_ request: PolicyRequest) -> PolicyPrincipal.Fit {
        let fit = fit(request.caller)
        guard fit != .none, names(request.action), covers(request),
            conditions.allSatisfy({ holds($0, request.context) })
        else { return .none }
        return fit
    }

    /// A condition that cannot be evaluated counts against the caller: it fails in an Allow and holds in a Deny.
    private func holds(_ condition: PolicyCondition, _ context: PolicyContext) -> Bool {
        condition.isBeyondReading(in: context) ? effect == .deny : condition.holds(context)
    }

    private func fit(_ caller: Caller) -> PolicyPrincipal.Fit {
        switch principals {
        case .only(let principals):
            let fit = principals.map { $0.fit(caller) }.max() ?? .none
            // A Deny on an account denies everyone in it; nothing is delegated.
            return effect == .deny && fit == .account ? .exactly : fit
        case .allBut(let principals):
            // A caller is exempt only if each of its identities is listed: a user by its own ARN and by its account. IAM
            // evaluates NotPrincipal so, and its guide says to list both.
            let isAccountSpared = principals.contains { $0.fit(caller) >= .account && $0.isAccountOrAll }
            let isCallerSpared = caller.isRoot || principals.contains { $0.fit(caller) == .exactly }
            return isAccountSpared && isCallerSpared ? .none : .exactly
        }
    }

    private func names(_ action: String) -> Bool {
        // IAM compares only actions without regard to case. Actions have no variables, so the context can be empty.
        let matches = { (pattern: PolicyPattern) in
            pattern.matches(action, PolicyContext(), ignoringCase: true)
        }
        // Operators' actions reach beyond repositories. A wildcard written for ECR's actions must not grant them, so an Allow
        // applies only if it spells the service. A Deny applies with any pattern.
        let mustSpell = effect == .allow && action.hasPrefix(ECRActions.operatorService)
        return switch actions {
        case .only(let patterns):
            patterns.contains { matches($0) && (!mustSpell || $0.begins(with: ECRActions.operatorService)) }
        case .allBut(let patterns): !mustSpell && !patterns.contains(where: matches)
        }
    }

    private func covers(_ request: PolicyRequest) -> Bool {
        if let resources, resources.items.contains(where: { $0.isBeyondReading(in: request.context) }) {
            return effect == .deny
        }
        let matches = { (pattern: PolicyPattern) in pattern.matches(request.resource, request.context) }
        return switch resources {
        case .only(let patterns)?: patterns.contains(where: matches)
        case .allBut(let patterns)?: !patterns.contains(where: matches)
        case nil: true
        }
    }
}

extension PolicyPrincipal {
    fileprivate var isAccountOrAll: Bool {
        switch self {
        case .everyone, .account: true
        case .identity, .uniqueID, .service, .elsewhere: false
        }
    }
}
