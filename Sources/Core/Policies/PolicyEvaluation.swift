extension PolicyDocument {
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

extension PolicyStatement {
    /// How closely the statement names the caller of a request that it is about; `.none` if it is about another.
    func match(_ request: AuthorizationRequest) -> PrincipalMatch {
        let match = match(request.caller)
        guard match != .none, names(request.action), covers(request),
            conditions.allSatisfy({ holds($0, request.context) })
        else { return .none }
        return match
    }

    /// A condition that cannot be evaluated counts against the caller: it fails in an Allow and holds in a Deny.
    private func holds(_ condition: PolicyCondition, _ context: PolicyContext) -> Bool {
        condition.isBeyondReading(in: context) ? effect == .deny : condition.holds(context)
    }

    private func match(_ caller: Caller) -> PrincipalMatch {
        switch principals {
        // An identity's own policy is about that identity.
        case nil: return .direct
        case .only(let principals): return principals.map { $0.match(caller) }.max() ?? .none
        case .allBut(let principals):
            // A caller is exempt only if each of its identities is listed: a user by its own ARN and by its account. IAM
            // evaluates NotPrincipal so, and its guide says to list both.
            let matches = principals.map { $0.match(caller) }
            let isAccountSpared = zip(principals, matches).contains { $0.isAccountOrAll && $1 >= .account }
            let isRoleSpared = caller.isRoot || matches.contains { $0 >= .role }
            return isAccountSpared && isRoleSpared ? .none : .direct
        }
    }

    private func names(_ action: String) -> Bool {
        // IAM compares only actions without regard to case. Actions have no variables, so the context can be empty.
        let matches = { (pattern: PolicyPattern) in
            pattern.matches(action, PolicyContext(), ignoringCase: true)
        }
        // Operators' actions reach beyond repositories. In a resource's policy a wildcard is for ECR's actions, so an Allow
        // applies only if it spells the service. A Deny applies with any pattern.
        let mustSpell = effect == .allow && principals != nil && action.hasPrefix(ECRActions.operatorService)
        return switch actions {
        case .only(let patterns):
            patterns.contains { matches($0) && (!mustSpell || $0.begins(with: ECRActions.operatorService)) }
        case .allBut(let patterns): !mustSpell && !patterns.contains(where: matches)
        }
    }

    private func covers(_ request: AuthorizationRequest) -> Bool {
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
