/// IAM's evaluation: turns what the layers say into yes or no. Nothing else decides.
package enum Authorizer {
    /// The decision on a request. Pure: the same arguments have the same result.
    package static func decide(_ request: AuthorizationRequest, _ layers: PolicyLayers) -> AuthorizationDecision {
        combine(
            request,
            AnalysedLayers(
                resource: LayerAnalysis(layers.resource, request, hasBoundary: layers.caller.boundary != nil),
                identity: LayerAnalysis(layers.caller.identity, request),
                boundary: layers.caller.boundary.map { LayerAnalysis($0, request) },
                session: layers.caller.session.map { LayerAnalysis($0, request) }))
    }

    /// What follows from the layers' answers, in this order:
    ///
    /// 1. A Deny in any layer denies.
    /// 2. The owner's root may do everything else; with a strict resource, what its policy gives the account.
    /// 3. Clients without a login need an Allow for `*`, and web identities one for their provider.
    /// 4. At home an Allow of the resource's policy that names the caller itself, or `*`, stands alone. One that names the role
    ///    of a session, or the user of a federated one, needs the boundary and the session's policies beside it. One that names
    ///    the account only delegates: the identity's policies, the boundary and the session's policies must all allow; so must
    ///    they where the resource's policy is silent, unless the resource is strict.
    /// 5. From another account the resource's policy and all of the caller's own must allow, however closely it names the caller.
    package static func combine(_ request: AuthorizationRequest, _ layers: AnalysedLayers) -> AuthorizationDecision {
        if let denial = explicitDeny(layers) { return denial }
        let caller = request.caller
        let isHome = caller.account == request.owner
        let (named, allowed) = (
            layers.resource.strongest, AuthorizationDecision(.allowed, by: layers.resource.allower)
        )
        if caller.isRoot, isHome, !request.isStrict || named >= .account, layers.session?.allows ?? true { return allowed }
        if let needed = caller.onlyMatch {
            return named == needed ? allowed : AuthorizationDecision(.implicitDeny(.resource))
        }
        if isHome, named >= .everyone { return allowed }
        if named == .none, !isHome || request.isStrict { return AuthorizationDecision(.implicitDeny(.resource)) }
        let needsIdentity = !caller.isRooted && !(isHome && named == .role)
        if needsIdentity, !layers.identity.allows { return AuthorizationDecision(.implicitDeny(.identity)) }
        if let boundary = layers.boundary, !boundary.allows { return AuthorizationDecision(.implicitDeny(.boundary)) }
        if let session = layers.session, !session.allows { return AuthorizationDecision(.implicitDeny(.session)) }
        return needsIdentity ? AuthorizationDecision(.allowed, by: layers.identity.allower) : allowed
    }

    private static func explicitDeny(_ layers: AnalysedLayers) -> AuthorizationDecision? {
        let denials: [(PolicyLayer, AuthorizationDecision.Decider?)] = [
            (.resource, layers.resource.denier), (.identity, layers.identity.denier), (.boundary, layers.boundary?.denier),
            (.session, layers.session?.denier),
        ]
        for case (let layer, let denier?) in denials { return AuthorizationDecision(.explicitDeny(layer), by: denier) }
        return nil
    }
}

extension Caller {
    /// The root of an account, or a session that it made: it needs no policy of its own.
    fileprivate var isRooted: Bool {
        switch kind {
        case .root, .federatedUser(of: nil, name: _): true
        case .user, .roleSession, .federatedUser(of: .some, name: _), .service, .anonymous, .webIdentity: false
        }
    }

    /// The one way in which a resource's policy can allow a caller that belongs to no account.
    fileprivate var onlyMatch: PrincipalMatch? {
        switch kind {
        case .anonymous: .everyone
        case .webIdentity: .direct
        case .root, .user, .roleSession, .federatedUser, .service: nil
        }
    }
}
