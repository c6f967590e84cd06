/// IAM's evaluation: turns what the layers say into yes or no. Nothing else decides.
package enum Authorizer {
    /// The decision on a request. Pure: the same arguments have the same result.
    package static func decide(_ request: AuthorizationRequest, _ layers: PolicyLayers) -> AuthorizationDecision {
        let resource = LayerAnalysis(layers.resource, request)
        let identity = LayerAnalysis(layers.caller.identity, request)
        let boundary = layers.caller.boundary.map { LayerAnalysis($0, request) }
        let session = layers.caller.session.map { LayerAnalysis($0, request) }
        let found: [(PolicyLayer, LayerAnalysis?)] = [
            (.resource, resource), (.identity, identity), (.boundary, boundary), (.session, session),
        ]
        for case (let layer, let analysis?) in found {
            if let denier = analysis.denier { return AuthorizationDecision(.explicitDeny(layer), by: denier) }
        }
        let isHome = request.caller.account == request.owner
        let named = resource.strongest
        if request.caller.kind == .anonymous {
            return named == .everyone
                ? AuthorizationDecision(.allowed, by: resource.allower) : AuthorizationDecision(.implicitDeny(.resource))
        }
        if request.caller.isRoot, isHome, !request.isStrict || named >= .account, session.map(\.allows) ?? true {
            return AuthorizationDecision(.allowed, by: resource.allower)
        }
        if isHome, named >= .everyone { return AuthorizationDecision(.allowed, by: resource.allower) }
        if named == .none, !isHome || request.isStrict { return AuthorizationDecision(.implicitDeny(.resource)) }
        let needsIdentity = !request.caller.isRoot && !(isHome && named == .role)
        if needsIdentity, !identity.allows { return AuthorizationDecision(.implicitDeny(.identity)) }
        if let boundary, !boundary.allows { return AuthorizationDecision(.implicitDeny(.boundary)) }
        if let session, !session.allows { return AuthorizationDecision(.implicitDeny(.session)) }
        return AuthorizationDecision(.allowed, by: identity.allower ?? resource.allower)
    }
}

/// What one layer says of a request.
struct LayerAnalysis {
    private(set) var denier: AuthorizationDecision.Decider?
    private(set) var allower: AuthorizationDecision.Decider?
    /// How closely the statement that allows names the caller; `.none` where none allows.
    private(set) var strongest = PrincipalMatch.none

    var allows: Bool { strongest > .none }

    init(_ policies: [NamedPolicy], _ request: AuthorizationRequest) {
        for policy in policies {
            for (index, statement) in policy.document.statements.enumerated() {
                let match = statement.match(request)
                guard match > .none else { continue }
                let decider = AuthorizationDecision.Decider(policy: policy.source, sid: statement.sid, index: index)
                switch statement.effect {
                case .deny:
                    denier = decider
                    return
                case .allow where match > strongest: (strongest, allower) = (match, decider)
                case .allow: continue
                }
            }
        }
    }
}
