/// A policy: who may do what with which resource, under which conditions (IAM's grammar). Read once and then matched many times.
///
/// Everything is checked when the document is read: an unknown operator, a pattern that is not an ARN or a misspelt member is
/// refused, never ignored.
package struct PolicyDocument: Sendable, Equatable {
    /// ECR's limit on a repository's or registry's policy, in characters.
    package static let maxLength = 10_240

    /// What the policy is attached to, which decides what a statement must say.
    package enum Attachment: Sendable {
        /// A repository, or a template for one: statements are about that repository and name no `Resource`.
        case repository
        /// A registry: statements must say which repositories they are about.
        case registry
        /// A KMS key or a secret: statements may name it or not.
        case keyOrSecret
    }

    package let version: PolicyVersion
    package let statements: [PolicyStatement]
    /// True if the result can depend on the request's context. If false, the context need not be gathered.
    package let readsContext: Bool
    /// The unique ids that the document's ARNs of users, roles and sessions stand for.
    package let pins: [String: String]
    let index: ActionIndex

    /// Reads a document.
    ///
    /// A resource's policy is looser than an identity's, as ECR is: the version may be the old one or absent, `Resource` may be
    /// absent (it then means what the policy is attached to), and statement ids are free text that need not be unique.
    /// `check(hangingOn:)` holds the rules that depend on the attachment: they apply when a policy is saved, not when it is read
    /// back.
    ///
    /// - Parameters:
    ///   - maxLength: in characters.
    ///   - pins: the unique ids of principals, by the ARN in the text. A principal that has one matches only the user or role of
    ///     that id, whatever its ARN is now, and never another one that has the ARN.
    package init(
        _ text: String, as grammar: PolicyGrammar = .resource, maxLength: Int = Self.maxLength, pins: [String: String] = [:]
    ) throws(PolicyFault) {
        guard text.unicodeScalars.count <= maxLength else { throw PolicyFault("it is longer than \(maxLength) characters") }
        guard let value = JSONValue(document: text) else { throw PolicyFault(grammar.notJSON, "it is not JSON") }
        let draft = try PolicyDraft(value, grammar)
        for rule in grammar.rules { try draft.check(rule) }
        version = draft.version ?? .v2008
        self.pins = pins
        var statements: [PolicyStatement] = []
        for statement in draft.statements { statements.append(try PolicyStatement(statement, version, pins)) }
        self.statements = statements
        readsContext = statements.contains(where: \.readsContext)
        index = ActionIndex(statements)
    }

    package static func == (one: PolicyDocument, other: PolicyDocument) -> Bool {
        one.version == other.version && one.statements == other.statements
    }

    /// Throws if a statement has a `Resource` that the attachment forbids, or lacks one that it demands. A repository's policy
    /// must not name another repository: such a statement would never match. An Allow with `NotPrincipal` is refused: it would
    /// open the resource to everyone else in the world.
    package func check(hangingOn attachment: Attachment) throws(PolicyFault) {
        for statement in statements {
            switch (attachment, statement.resources) {
            case (.repository, .some):
                throw PolicyFault("a statement names a Resource: a repository's policy is about that repository alone")
            case (.registry, nil):
                throw PolicyFault("a statement names no Resource: a registry's policy says which repositories it is about")
            case (.repository, nil), (.registry, .some), (.keyOrSecret, _): break
            }
            if statement.effect == .allow, case .allBut? = statement.principals {
                throw PolicyFault("a statement has NotPrincipal with Allow")
            }
        }
    }
}

/// One statement: an effect, and whom, what and when it is about.
package struct PolicyStatement: Sendable, Equatable {
    package enum Effect: String, Sendable {
        case allow = "Allow"
        case deny = "Deny"
    }

    /// The items of the list, or everything except them.
    enum Scope<Item: Sendable & Equatable>: Sendable, Equatable {
        case only([Item])
        case allBut([Item])

        init(_ items: [Item], isNegated: Bool) { self = isNegated ? .allBut(items) : .only(items) }

        var items: [Item] {
            switch self {
            case .only(let items), .allBut(let items): items
            }
        }
    }

    package let sid: String?
    package let effect: Effect
    /// Nil in an identity's policy, which is about that identity.
    private(set) var principals: Scope<PolicyPrincipal>?
    let actions: Scope<PolicyPattern>
    /// Nil if the statement has none: it then means the resource that the policy is attached to.
    let resources: Scope<PolicyPattern>?
    let conditions: [PolicyCondition]

    init(_ draft: StatementDraft, _ version: PolicyVersion, _ pins: [String: String]) throws(PolicyFault) {
        sid = draft.sid
        effect = draft.effect == Effect.allow.rawValue ? .allow : .deny
        if let principal = draft.principal {
            let list = try PolicyPrincipal.list(principal.value)
            principals = Scope(list.map { $0.pinned(pins) }, isNegated: principal.isNegated)
        } else {
            principals = nil
        }
        var actions: [PolicyPattern] = []
        for text in draft.action?.value ?? [] {
            // Version 2008-10-17, so that `$` is an ordinary character: actions have no variables.
            guard let pattern = PolicyPattern(text, variables: .v2008, ignoringCase: true) else { continue }
            actions.append(pattern)
        }
        self.actions = Scope(actions, isNegated: draft.action?.isNegated ?? false)
        if let resource = draft.resource {
            var patterns: [PolicyPattern] = []
            for text in resource.value {
                guard let pattern = PolicyPattern(text, variables: version) else {
                    throw PolicyFault("the resource '\(text)' is not an ARN")
                }
                patterns.append(pattern)
            }
            resources = Scope(patterns, isNegated: resource.isNegated)
        } else {
            resources = nil
        }
        var conditions: [PolicyCondition] = []
        for condition in draft.conditions { conditions.append(try PolicyCondition(condition, version)) }
        self.conditions = conditions
    }

    var readsContext: Bool { !conditions.isEmpty || resources?.items.contains(where: \.hasVariables) == true }
}
