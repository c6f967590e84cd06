/// A policy with what it is, for those who are told which one decided.
package struct NamedPolicy: Sendable, Equatable {
    package enum Source: Sendable, Hashable {
        /// A managed policy, by its ARN.
        case managed(String)
        /// A policy inside a user, group or role: the owner's kind (`user`), its name, and the policy's.
        case inline(kind: String, owner: String, name: String)
        /// The policy of a resource, by a name such as `repository policy`.
        case resource(String)
        /// A policy that was passed when the session was made.
        case session
        /// A KMS grant, by its id.
        case grant(String)
    }

    package let source: Source
    package let document: PolicyDocument

    package init(_ source: Source, _ document: PolicyDocument) {
        self.source = source
        self.document = document
    }
}

/// What a caller's own side says, whatever is asked for: gathered once for each principal, in memory.
package struct CallerPolicies: Sendable {
    /// The policies of the user and its groups, or of the role.
    package var identity: [NamedPolicy]
    /// The permissions boundary; nil where there is none.
    package var boundary: [NamedPolicy]?
    /// The session's policies; nil where the session has none and is not limited. Empty for a federated user without a policy:
    /// nothing is allowed then.
    package var session: [NamedPolicy]?
    /// The tags of the user, or of the role with the session's over them: `aws:PrincipalTag`.
    package var tags: [ResourceTag]

    package init(
        identity: [NamedPolicy] = [], boundary: [NamedPolicy]? = nil, session: [NamedPolicy]? = nil, tags: [ResourceTag] = []
    ) {
        self.identity = identity
        self.boundary = boundary
        self.session = session
        self.tags = tags
    }
}

/// All policies that one decision depends on.
package struct PolicyLayers: Sendable {
    /// The resource's: a repository's and its registry's as one; a key's with its grants; a secret's; a role's trust.
    package var resource: [NamedPolicy]
    package var caller: CallerPolicies

    package init(resource: [NamedPolicy] = [], caller: CallerPolicies = CallerPolicies()) {
        self.resource = resource
        self.caller = caller
    }
}

/// One of the four places where a policy can allow, deny or say nothing.
package enum PolicyLayer: String, Sendable, CaseIterable {
    case resource, identity, boundary, session
}

extension PolicyLayers {
    /// True if the decision can depend on the request's context. If false, the context need not be gathered.
    package var readsContext: Bool {
        let own = caller.identity + (caller.boundary ?? []) + (caller.session ?? [])
        return resource.contains(where: \.document.readsContext) || own.contains(where: \.document.readsContext)
    }
}
