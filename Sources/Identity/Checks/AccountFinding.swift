/// What an account's policies hold that cannot work, or that opens more than it seems to.
package struct AccountFinding: Sendable, Equatable {
    /// The checks that look beyond one statement. Those of single policies are Core's.
    package enum Kind: String, Sendable, CaseIterable {
        /// A stored policy cannot be read: whoever it limits may do nothing.
        case unreadable
        /// An attached or limiting policy does not exist.
        case missingPolicy
        /// A condition names a user or role that there is not.
        case unknownPrincipal
        /// A role with all rights can be assumed by all who may assume roles in its account, or by everyone.
        case openAdministrator
        /// A user or role without all rights can give itself more.
        case escalation
        /// A user or role can write the policy that is its own boundary or another's.
        case writableBoundary
        /// A user or role with a boundary can have a resource's policy name it, which passes the boundary.
        case boundaryPassed
        /// A user or role can take away what denies it something.
        case removableDeny
    }

    /// A `Kind`'s name, or that of a finding of Core's.
    package let kind: String
    /// The policy, or the user or role, as a message names it.
    package let place: String
    /// The statement, by its Sid or number; nil for a finding about a whole policy or principal.
    package let statement: String?
    package let message: String

    package init(_ kind: String, at place: String, statement: String? = nil, _ message: String) {
        self.kind = kind
        self.place = place
        self.statement = statement
        self.message = message
    }

    init(_ kind: Kind, at place: String, statement: String? = nil, _ message: String) {
        self.init(kind.rawValue, at: place, statement: statement, message)
    }
}
