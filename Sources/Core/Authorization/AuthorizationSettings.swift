/// How this server decides, by its operator's settings.
package struct AuthorizationSettings: Sendable {
    /// The organization that this server's accounts form (`o-…`): fills `aws:PrincipalOrgID` and `aws:ResourceOrgID`.
    package var organization: String?
    package var enforcement = Enforcement.enforced
    /// Policies of resources that name a condition key which this server never fills are refused, and not only warned of.
    package var refusesUnfilledKeys = false
    /// Lets the cache create the repositories of first pulls by itself: the caller needs no right for it.
    package var cacheCreatesRepositories = false

    package enum Enforcement: String, Sendable {
        case enforced
        /// What would be denied is logged, and done all the same. Callers without a login, and those with unknown or invalid
        /// keys, are refused as ever.
        case soft
    }

    package init() {}

    package var isSoft: Bool { enforcement == .soft }

    /// Whether a text is an organization's id: `o-` and 10 to 32 letters and digits.
    package static func isOrganization(_ text: String) -> Bool {
        text.hasPrefix("o-") && (12...34).contains(text.utf8.count)
            && text.utf8.dropFirst(2).allSatisfy { ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) }
    }

    /// The keys that follow from the settings. Every principal and every resource of this server is of its organization.
    package func fill(_ context: inout PolicyContext, for caller: Caller) {
        guard let organization else { return }
        if caller.kind != .anonymous { context["aws:PrincipalOrgID"] = [organization] }
        context["aws:ResourceOrgID"] = [organization]
    }
}
