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
        // By index: a loop over the values would copy each policy.
        for place in policies.indices where denier == nil { take(policies[place], request, hasBoundary) }
    }

    private mutating func take(_ policy: NamedPolicy, _ request: AuthorizationRequest, _ hasBoundary: Bool) {
        let candidates = policy.document.index.candidates(for: request.service)
        for place in candidates.indices {
            // A second Allow that names the caller no closer changes nothing.
            if strongest == .direct, candidates[place].effect == .allow { continue }
            guard candidates[place].names(request) else { continue }
            let statement = candidates[place].statement
            guard
                case .fits(let match) = policy.document.statements[statement].matchBeyondAction(
                    request, hasBoundary: hasBoundary)
            else { continue }
            note(candidates[place].effect, match) {
                AuthorizationDecision.Decider(
                    policy: policy.source, sid: policy.document.statements[statement].sid, index: statement)
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
