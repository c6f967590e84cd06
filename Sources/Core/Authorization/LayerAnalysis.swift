/// What one layer says of a request.
package struct LayerAnalysis: Sendable {
    /// The first statement that denies; the rest of the layer is then not looked at.
    package var denier: AuthorizationDecision.Decider?
    package var allower: AuthorizationDecision.Decider?
    /// How closely the statement that allows names the caller; `.none` where none allows. In a layer of the caller's own it is
    /// `.none` or `.direct`.
    package var strongest = PrincipalMatch.none

    package var allows: Bool { strongest > .none }

    package init(
        denier: AuthorizationDecision.Decider? = nil, allower: AuthorizationDecision.Decider? = nil,
        strongest: PrincipalMatch = .none
    ) {
        self.denier = denier
        self.allower = allower
        self.strongest = strongest
    }

    init(_ policies: [NamedPolicy], _ request: AuthorizationRequest, hasBoundary: Bool = false) {
        // By place: a loop over the values would copy each policy.
        for place in policies.indices where denier == nil {
            take(policies[place].document.index, request, hasBoundary) { policies[place].source }
        }
    }

    private mutating func take(
        _ index: ActionIndex, _ request: AuthorizationRequest, _ hasBoundary: Bool, _ source: () -> NamedPolicy.Source
    ) {
        for candidate in index.candidates(for: request.service) {
            // A second Allow that names the caller no closer changes nothing.
            if strongest == .direct, candidate.effect == .allow { continue }
            guard candidate.names(request), candidate.mayCover(request),
                case .fits(let match) = candidate.statement.matchBeyondAction(
                    request, hasBoundary: hasBoundary, isCovered: candidate.tellsResource)
            else { continue }
            note(candidate.effect, match) {
                AuthorizationDecision.Decider(policy: source(), sid: candidate.statement.sid, index: candidate.place)
            }
            if denier != nil { return }
        }
    }

    /// Takes a statement that is about the request into account.
    mutating func note(
        _ effect: PolicyStatement.Effect, _ match: PrincipalMatch, _ decider: () -> AuthorizationDecision.Decider
    ) {
        switch effect {
        case .deny: if denier == nil { denier = decider() }
        case .allow: if match > strongest { (strongest, allower) = (match, decider()) }
        }
    }
}

/// What each layer says of a request; nil where the caller has no such layer.
package struct AnalysedLayers: Sendable {
    package var resource: LayerAnalysis
    package var identity: LayerAnalysis
    package var boundary: LayerAnalysis?
    package var session: LayerAnalysis?

    package init(
        resource: LayerAnalysis, identity: LayerAnalysis, boundary: LayerAnalysis? = nil, session: LayerAnalysis? = nil
    ) {
        self.resource = resource
        self.identity = identity
        self.boundary = boundary
        self.session = session
    }
}
