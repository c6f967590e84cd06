/// The part of a statement because of which it is not about a request.
package enum Mismatch: Sendable, Equatable {
    case action, resource, principal
    /// By its place in the statement, from 0.
    case condition(Int)
}

/// What a statement says of a request: how closely it names the caller, or why it is about another.
enum StatementMatch {
    case fits(PrincipalMatch)
    case differs(Mismatch)
}

extension PolicyStatement {
    /// Matches all but the action, and the resource too unless `isCovered`: the document's index has matched those.
    func matchBeyondAction(
        _ request: AuthorizationRequest, hasBoundary: Bool, isCovered: Bool = false
    ) -> StatementMatch {
        guard isCovered || covers(request) else { return .differs(.resource) }
        var match = PrincipalMatch.direct
        if let principals {
            match = principals.match(request.caller, hasBoundary: hasBoundary, effect: effect)
            guard match != .none else { return .differs(.principal) }
        }
        for index in conditions.indices where !conditions[index].holds(request.context, in: effect) {
            return .differs(.condition(index))
        }
        return .fits(match)
    }

    /// The full scan: for explanations, and to hold against the index.
    func match(_ request: AuthorizationRequest, hasBoundary: Bool) -> StatementMatch {
        guard ActionIndex.Candidate(self, at: 0, actions.items, nil).names(request) else { return .differs(.action) }
        return matchBeyondAction(request, hasBoundary: hasBoundary)
    }

    private func covers(_ request: AuthorizationRequest) -> Bool {
        switch resources {
        case nil: return true
        case .only(let patterns)?:
            for place in patterns.indices {
                switch patterns[place].match(request.resource, request.context) {
                case .fits: return true
                case .isBeyondReading where effect == .deny: return true
                case .differs, .hasNoValue, .isBeyondReading: continue
                }
            }
            return false
        case .allBut(let patterns)?:
            var isUnreadable = false
            for pattern in patterns {
                switch pattern.match(request.resource, request.context) {
                case .fits: return false
                case .hasNoValue, .isBeyondReading: isUnreadable = true
                case .differs: continue
                }
            }
            // A pattern without a value excepts nothing: that lifts no Deny, and makes no Allow wider.
            return !isUnreadable || effect == .deny
        }
    }
}
