/// What follows from the policies for one request, and which statement decided.
package struct AuthorizationDecision: Sendable, Equatable {
    package enum Verdict: Sendable, Hashable {
        case allowed
        /// A statement of the layer denies it.
        case explicitDeny(PolicyLayer)
        /// The layer would have to allow it and does not.
        case implicitDeny(PolicyLayer)
    }

    package let verdict: Verdict
    /// The statement that allowed or denied; nil for an implicit deny, and for what a root may do without a policy.
    package let decider: Decider?

    /// A statement of a policy.
    package final class Decider: Sendable, Equatable {
        package let policy: NamedPolicy.Source
        package let sid: String?
        /// From 0, in the order of the document.
        package let index: Int

        package init(policy: NamedPolicy.Source, sid: String?, index: Int) {
            self.policy = policy
            self.sid = sid
            self.index = index
        }

        package static func == (one: Decider, other: Decider) -> Bool {
            one.policy == other.policy && one.sid == other.sid && one.index == other.index
        }
    }

    package init(_ verdict: Verdict, by decider: Decider? = nil) {
        self.verdict = verdict
        self.decider = decider
    }

    package var isAllowed: Bool { verdict == .allowed }
}
