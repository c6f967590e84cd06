extension PolicyPrincipal {
    /// How closely the principal names the caller.
    func match(_ caller: Caller) -> PrincipalMatch {
        switch self {
        case .everyone: .everyone
        case .account(let account): caller.hasAccount && account == caller.account ? .account : .none
        case .identity(let arn):
            switch caller.kind {
            case .root, .service, .anonymous, .webIdentity: .none
            case .user, .roleSession, .federatedUser:
                arn.isSame(as: caller.principalARN) ? .direct : arn.isSame(as: caller.identity?.arn) ? .role : .none
            }
        case .pinned(let arn, let id): Self.match(caller, pinnedTo: id, by: arn)
        case .uniqueID(let id): Self.match(caller, of: id)
        case .service(let name): caller.serviceName == name ? .direct : .none
        case .federated(let provider): caller.kind == .webIdentity(provider: provider) ? .direct : .none
        case .elsewhere: .none
        }
    }

    /// A user by its id is the caller itself; of a session and a federated user it is the principal behind them.
    private static func match(_ caller: Caller, of id: String) -> PrincipalMatch {
        guard let identity = caller.identity, id.isSame(as: identity.id) else { return .none }
        if case .user = caller.kind { return .direct }
        return .role
    }

    /// The entity may have another ARN by now. A session's ARN is pinned to its role, and names one session by its last part.
    private static func match(_ caller: Caller, pinnedTo id: String, by arn: String) -> PrincipalMatch {
        let match = match(caller, of: id)
        guard match != .none, arn.split(separator: ":", maxSplits: 3).dropFirst(2).first == "sts" else { return match }
        switch caller.kind {
        case .roleSession(of: _, let name), .federatedUser(of: _, let name):
            let last = arn.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last
            return last?.elementsEqual(name.utf8) == true ? .direct : .none
        case .root, .user, .service, .anonymous, .webIdentity: return .none
        }
    }
}

extension PolicyStatement.Scope<PolicyPrincipal> {
    /// How closely the statement names the caller.
    ///
    /// `NotPrincipal` spares a caller only if each of its levels is listed: a user and its account; a session, its role and their
    /// account. IAM evaluates it so, and its guide says to list them all. A caller with a permissions boundary is never spared by
    /// a Deny.
    func match(_ caller: Caller, hasBoundary: Bool, effect: PolicyStatement.Effect) -> PrincipalMatch {
        switch self {
        case .only(let principals):
            var strongest = PrincipalMatch.none
            for principal in principals { strongest = max(strongest, principal.match(caller)) }
            return strongest
        case .allBut(let principals):
            if effect == .deny, hasBoundary { return .everyone }
            // `*` lists every level.
            if principals.contains(.everyone) { return .none }
            let matches = principals.map { $0.match(caller) }
            let levels: [PrincipalMatch] =
                switch caller.kind {
                case .root: [.account]
                case .user: [.account, .direct]
                case .roleSession, .federatedUser(of: .some, name: _): [.account, .role, .direct]
                case .federatedUser(of: nil, name: _): [.account, .direct]
                case .service, .anonymous, .webIdentity: [.direct]
                }
            return levels.allSatisfy(matches.contains) ? .none : .everyone
        }
    }
}

extension String {
    /// Compared byte by byte: canonical equivalents are different names.
    fileprivate func isSame(as other: String?) -> Bool {
        guard let other else { return false }
        return utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}
