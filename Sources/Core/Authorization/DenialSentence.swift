extension AuthorizationDecision {
    /// AWS's sentence for the refusal: the same for JSON, Query and the registry.
    ///
    /// The managed policy that denies it is named to callers of the resource's own account alone.
    ///
    /// - Parameter layers: those that were decided by: the refusal then knows the statement that denies.
    package func refusal(of request: AuthorizationRequest, _ layers: PolicyLayers? = nil) -> Refusal {
        let tail = Self.tail(verdict, request.action)
        let arn = request.caller.account == request.owner ? deniedByARN.map { ": \($0)" } ?? "" : ""
        var refusal = Refusal(
            .accessDenied,
            "User: \(request.caller.principalARN) is not authorized to perform: \(request.action) on resource: "
                + "\(request.resource) \(tail)\(arn)",
            brief: "\(request.caller.principalARN) is not authorized to perform: \(request.action) here: \(Self.brief(verdict))")
        refusal.denial = AuthorizationDenial(request, self, layers)
        return refusal
    }

    /// The managed policy that denies it, where an identity's, a boundary's or a session's does.
    private var deniedByARN: String? {
        guard case .explicitDeny(let layer) = verdict, layer != .resource, case .managed(let arn)? = decider?.policy else {
            return nil
        }
        return arn
    }

    private static func tail(_ verdict: Verdict, _ action: String) -> String {
        switch verdict {
        case .allowed: ""
        case .explicitDeny(.resource): "with an explicit deny in a resource-based policy"
        case .explicitDeny(.identity): "with an explicit deny in an identity-based policy"
        case .explicitDeny(.boundary): "with an explicit deny in a permissions boundary"
        case .explicitDeny(.session): "with an explicit deny in a session policy"
        case .implicitDeny(.resource): "because no resource-based policy allows the \(action) action"
        case .implicitDeny(.identity): "because no identity-based policy allows the \(action) action"
        case .implicitDeny(.boundary): "because no permissions boundary allows the \(action) action"
        case .implicitDeny(.session): "because no session policy allows the \(action) action"
        }
    }

    private static func brief(_ verdict: Verdict) -> String {
        switch verdict {
        case .allowed: "it is allowed"
        case .explicitDeny: "a policy denies it"
        case .implicitDeny(.resource): "no policy of the registry's allows it"
        case .implicitDeny(.identity): "no policy of its own allows it"
        case .implicitDeny(.boundary): "its permissions boundary does not allow it"
        case .implicitDeny(.session): "its session policy does not allow it"
        }
    }
}
