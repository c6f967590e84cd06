import WeirCore

/// Whether a role's trust policy, with the caller's own policies, lets the role be assumed: gathers what `Authorizer` decides by.
struct RoleTrust: Sendable {
    let role: AssumableRole
    /// Of the role's ARN in the request.
    let partition: String
    let region: Region
    let now: Timestamp

    /// The keys of STS that a request fills, beside those that every request has.
    struct Facts {
        var externalID: String?
        var sessionName: String
        /// What is passed, and not what follows from the calling session.
        var tags = SessionTags()
        var sourceIdentity: String?
        var webKeys: [String: [String]] = [:]
    }

    /// The decision about one of STS's actions on the role.
    func decide(
        _ caller: Caller, _ action: String, _ facts: Facts, _ own: CallerPolicies
    ) -> (request: AuthorizationRequest, decision: AuthorizationDecision) {
        let arn = role.entity.arn(partition: partition)
        let request = AuthorizationRequest(
            caller: caller, action: action, resource: arn, owner: role.entity.account, isStrict: true,
            context: context(of: caller, facts, own))
        guard let trust = role.trust else { return (request, AuthorizationDecision(.implicitDeny(.resource))) }
        let layers = PolicyLayers(resource: [NamedPolicy(.resource("role trust policy"), trust)], caller: own)
        return (request, Authorizer.decide(request, layers))
    }

    private func context(of caller: Caller, _ facts: Facts, _ own: CallerPolicies) -> PolicyContext {
        var context = PolicyContext(
            of: caller, principalTags: own.tags, from: RequestOrigin.current, at: now, owner: role.entity.account, in: region)
        context.take(resourceTags: role.entity.tags, of: "iam")
        context["sts:RoleSessionName"] = [facts.sessionName]
        if let id = facts.externalID { context["sts:ExternalId"] = [id] }
        if let source = facts.sourceIdentity { context["sts:SourceIdentity"] = [source] }
        for tag in facts.tags.tags { context["aws:RequestTag/\(tag.key)"] = [tag.value] }
        if !facts.tags.tags.isEmpty { context["aws:TagKeys"] = facts.tags.tags.map(\.key) }
        if !facts.tags.transitiveKeys.isEmpty { context["sts:TransitiveTagKeys"] = facts.tags.transitiveKeys }
        for (key, values) in facts.webKeys { context[key] = values }
        return context
    }
}

extension AuthorizationDecision {
    /// The decision in a word or two, for the log.
    var word: String {
        switch verdict {
        case .allowed: "allowed"
        case .explicitDeny(let layer): "denied by a statement of the \(layer.rawValue) policies"
        case .implicitDeny(let layer): "not allowed by the \(layer.rawValue) policies"
        }
    }
}
