/// What a caller wants to do, as a policy sees it.
package struct PolicyRequest: Sendable {
    package let caller: Caller
    /// `ecr:BatchGetImage`.
    package let action: String
    /// The ARN of what it is done to.
    package let resource: String
    package let context: PolicyContext

    package init(caller: Caller, action: String, resource: String, context: PolicyContext) {
        self.caller = caller
        self.action = action
        self.resource = resource
        self.context = context
    }
}

/// What policies say to a request.
package enum PolicyDecision: Sendable, Equatable {
    /// A statement allows this very caller.
    case allowed
    /// A statement allows the caller's account: the account's own policies must allow it as well. Its root is the account, and
    /// so is `allowed`.
    case delegated
    /// A statement denies it, whatever others allow.
    case denied
    /// No statement is about it: denied where nothing else allows it.
    case silent
}

extension PolicyDocument {
    /// What this policy says to a request. Any Deny wins; the closest Allow is told.
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

    /// True if a request's context can make a difference: without it, nobody need gather one.
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
    /// What several policies say together: any Deny wins, then any Allow.
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
    /// How closely the statement is about the request; `.none` if it is not.
    fileprivate func fit(_ request: PolicyRequest) -> PolicyPrincipal.Fit {
        let fit = fit(request.caller)
        guard fit != .none, names(request.action), covers(request),
            conditions.allSatisfy({ holds($0, request.context) })
        else { return .none }
        return fit
    }

    /// What cannot be read is taken for what does the least harm: an Allow does not hold by it, a Deny does.
    private func holds(_ condition: PolicyCondition, _ context: PolicyContext) -> Bool {
        condition.isBeyondReading(in: context) ? effect == .deny : condition.holds(context)
    }

    private func fit(_ caller: Caller) -> PolicyPrincipal.Fit {
        switch principals {
        case .only(let principals):
            let fit = principals.map { $0.fit(caller) }.max() ?? .none
            // A Deny on an account denies everyone in it; there is nothing to delegate.
            return effect == .deny && fit == .account ? .exactly : fit
        case .allBut(let principals):
            // A caller is spared only where each of its identities is: a user by its own ARN and by its account. So does IAM
            // read NotPrincipal, which is why its guide tells to list both.
            let isAccountSpared = principals.contains { $0.fit(caller) >= .account && $0.isAccountOrAll }
            let isCallerSpared = caller.isRoot || principals.contains { $0.fit(caller) == .exactly }
            return isAccountSpared && isCallerSpared ? .none : .exactly
        }
    }

    private func names(_ action: String) -> Bool {
        // Actions are the one thing IAM compares without regard to case. They have no variables, so no context is needed.
        let matches = { (pattern: PolicyPattern) in
            pattern.matches(action, PolicyContext(), ignoringCase: true)
        }
        // What an operator may do reaches beyond repositories. Nobody gets it by the way, with a wildcard that was written for
        // ECR's actions: an Allow gives it only where it spells the service. A Deny takes it by any pattern.
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
