/// What IAM knows of callers and principals. Identity fills it; the rooms that decide about their own resources ask it.
package protocol PrincipalPolicies: Sendable {
    /// The caller's own side of a decision.
    ///
    /// Throws `.accessDenied` where a stored policy cannot be read: a Deny might be lost with it.
    ///
    /// Throws `.credentialsUnknown` where the user or role is gone, or another one has its name now.
    func policies(of caller: Caller) async throws -> CallerPolicies

    /// The unique id behind a user's or role's ARN, for a policy that is saved.
    func principal(_ arn: String) async throws -> PrincipalLookup

    /// The ARN that a unique id has now; nil where it is gone.
    func arn(ofPrincipal id: String) async throws -> String?
}

package enum PrincipalLookup: Sendable, Equatable {
    case found(id: String)
    /// Its account is one of this server's, and has no such user or role.
    case missing
    /// Its account is not one of this server's: nobody can sign in as it.
    case elsewhere
}

/// No users and no roles: accounts have their root alone.
package struct RootsAlone: PrincipalPolicies {
    package init() {}
    package func policies(of caller: Caller) async throws -> CallerPolicies { CallerPolicies() }
    package func principal(_ arn: String) async throws -> PrincipalLookup { .elsewhere }
    package func arn(ofPrincipal id: String) async throws -> String? { nil }
}
