/// What one policy of a resource says by itself: for checks when it is saved, such as whether it locks its author out.
package enum ResourcePolicyAnswer: Sendable, Equatable {
    case denies
    /// It names the caller this closely.
    case allows(PrincipalMatch)
    case isSilent
}

extension PolicyDocument {
    package func answer(to request: AuthorizationRequest) -> ResourcePolicyAnswer {
        let analysis = LayerAnalysis([NamedPolicy(.resource("policy"), self)], request)
        if analysis.denier != nil { return .denies }
        return analysis.allows ? .allows(analysis.strongest) : .isSilent
    }
}
