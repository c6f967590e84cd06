/// A resource policy: who may do what with a repository, under which conditions (IAM's grammar, as ECR takes it).
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
    }

    package let version: PolicyVersion
    package let statements: [PolicyStatement]

    /// Reads a document.
    ///
    /// Looser than an identity policy, as ECR is: the version may be the old one or absent, `Resource` may be absent (it then
    /// means the repository that the policy is attached to), and statement ids are free text that need not be unique.
    /// `check(hangingOn:)` holds the rules that depend on the attachment: they apply when a policy is saved, not when it is read
    /// back.
    ///
    /// - Parameter maxLength: in characters.
    package init(
        _ text: String, as grammar: PolicyGrammar = .resource, maxLength: Int = Self.maxLength
    ) throws(PolicyError) {
        guard text.unicodeScalars.count <= maxLength else { throw PolicyError("it is longer than \(maxLength) characters") }
        guard let value = JSONValue(document: text) else { throw PolicyError("it is not JSON") }
        guard case .object(let members) = value else { throw PolicyError("it is not a JSON object") }
        try PolicyError.requireOnly(["Version", "Id", "Statement"], in: members, of: "the policy")
        version = try Self.version(members["Version"])
        if let id = members["Id"], id.string == nil { throw PolicyError("'Id' is not a string") }
        let list: [JSONValue]
        switch members["Statement"] {
        case .object(let statement): list = [.object(statement)]
        case .array(let statements): list = statements
        default: throw PolicyError("'Statement' is not an object or a list of objects")
        }
        guard !list.isEmpty else { throw PolicyError("it has no statement") }
        var statements: [PolicyStatement] = []
        for statement in list { statements.append(try PolicyStatement(statement, version, grammar)) }
        self.statements = statements
    }

    /// Throws if a statement has a `Resource` that the attachment forbids, or lacks one that it demands. A repository's policy
    /// must not name another repository: such a statement would never match.
    package func check(hangingOn attachment: Attachment) throws(PolicyError) {
        for statement in statements {
            switch (attachment, statement.resources) {
            case (.repository, .some):
                throw PolicyError("a statement names a Resource: a repository's policy is about that repository alone")
            case (.registry, nil):
                throw PolicyError("a statement names no Resource: a registry's policy says which repositories it is about")
            case (.repository, nil), (.registry, .some): continue
            }
        }
    }

    private static func version(_ value: JSONValue?) throws(PolicyError) -> PolicyVersion {
        guard let value else { return .v2008 }
        guard let version = value.string.flatMap(PolicyVersion.init(rawValue:)) else {
            throw PolicyError("'Version' is neither 2008-10-17 nor 2012-10-17")
        }
        return version
    }
}

/// What a policy hangs on, which decides what a statement must and must not say.
package enum PolicyGrammar: Sendable {
    /// On a user, group or role, as a boundary or in a session: no principal, since it is that identity's.
    case identity
    /// On a role: who may assume it. No resource, since it is that role.
    case trust
    /// On a repository, a registry, a key or a secret.
    case resource
}

/// The version of the policy language. The older one has no variables.
package enum PolicyVersion: String, Sendable {
    case v2008 = "2008-10-17"
    case v2012 = "2012-10-17"
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

        var items: [Item] {
            switch self {
            case .only(let items), .allBut(let items): items
            }
        }
    }

    package let sid: String?
    package let effect: Effect
    /// Nil in an identity's policy, which is about that identity.
    let principals: Scope<PolicyPrincipal>?
    let actions: Scope<PolicyPattern>
    /// Nil if the statement has none: it then means the resource that the policy is attached to.
    let resources: Scope<PolicyPattern>?
    let conditions: [PolicyCondition]

    private static let members: Set<String> = [
        "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
    ]

    init(_ value: JSONValue, _ version: PolicyVersion, _ grammar: PolicyGrammar) throws(PolicyError) {
        guard case .object(let members) = value else { throw PolicyError("a statement is not an object") }
        try PolicyError.requireOnly(Self.members, in: members, of: "a statement")
        if let sid = members["Sid"], sid.string == nil { throw PolicyError("'Sid' is not a string") }
        sid = members["Sid"]?.string
        guard let effect = members["Effect"]?.string.flatMap(Effect.init(rawValue:)) else {
            throw PolicyError("'Effect' is neither Allow nor Deny")
        }
        self.effect = effect
        principals = try Self.scope(
            of: "Principal", in: members,
            { value throws(PolicyError) in
                try PolicyPrincipal.list(value)
            })
        guard (principals == nil) == (grammar == .identity) else {
            throw PolicyError(principals == nil ? "a statement has no 'Principal'" : "Policy document should not specify a principal.")
        }
        guard
            let actions = try Self.scope(
                of: "Action", in: members,
                { value throws(PolicyError) in
                    try Self.actions(value)
                })
        else { throw PolicyError("a statement has no 'Action'") }
        self.actions = actions
        resources = try Self.scope(of: "Resource", in: members) { value throws(PolicyError) in
            try Self.resources(value, version)
        }
        conditions =
            try members["Condition"].map { value throws(PolicyError) in
                try PolicyCondition.list(value, version)
            } ?? []
    }

    /// Reads `NAME` or `NotNAME`; nil if both are absent.
    private static func scope<Item>(
        of name: String, in members: [String: JSONValue],
        _ read: (JSONValue) throws(PolicyError) -> [Item]
    ) throws(PolicyError) -> Scope<Item>? {
        switch (members[name], members["Not" + name]) {
        case (.some, .some): throw PolicyError("a statement has both '\(name)' and 'Not\(name)'")
        case (let value?, nil): return .only(try read(value))
        case (nil, let value?): return .allBut(try read(value))
        case (nil, nil): return nil
        }
    }

    /// `*`, or `SERVICE:NAME` with wildcards in the name.
    private static func actions(_ value: JSONValue) throws(PolicyError) -> [PolicyPattern] {
        guard let texts = value.strings, !texts.isEmpty else {
            throw PolicyError("'Action' is not a string or a list of strings")
        }
        var patterns: [PolicyPattern] = []
        for text in texts {
            let isWord = { (byte: UInt8) in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || byte == 0x2d
            }
            let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            let isPair =
                parts.count == 2 && !parts[0].isEmpty && parts[0].allSatisfy(isWord) && !parts[1].isEmpty
                && parts[1].allSatisfy { isWord($0) || $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
            // Version 2008-10-17, so that `$` is an ordinary character: actions have no variables.
            guard text == "*" || isPair, let pattern = PolicyPattern(text, variables: .v2008) else {
                throw PolicyError("the action '\(text)' is not of the form service:name")
            }
            patterns.append(pattern)
        }
        return patterns
    }

    private static func resources(
        _ value: JSONValue, _ version: PolicyVersion
    ) throws(PolicyError) -> [PolicyPattern] {
        guard let texts = value.strings, !texts.isEmpty else {
            throw PolicyError("'Resource' is not a string or a list of strings")
        }
        var patterns: [PolicyPattern] = []
        for text in texts {
            let isARN = text.hasPrefix("arn:") && text.utf8.count(where: { $0 == UInt8(ascii: ":") }) >= 5
            guard text == "*" || isARN, let pattern = PolicyPattern(text, variables: version) else {
                throw PolicyError("the resource '\(text)' is not an ARN")
            }
            patterns.append(pattern)
        }
        return patterns
    }
}

/// Why a text is not a policy. `reason` goes to the log; clients get ECR's own sentence.
package struct PolicyError: Error, Equatable, CustomStringConvertible {
    package let reason: String

    init(_ reason: String) { self.reason = String(reason.prefix(300)) }

    package var description: String { "the policy is not valid: \(reason)" }

    static func requireOnly(
        _ allowed: Set<String>, in members: [String: JSONValue], of attachment: String
    ) throws(PolicyError) {
        if let unknown = members.keys.sorted().first(where: { !allowed.contains($0) }) {
            throw PolicyError("\(attachment) has the unknown member '\(unknown)'")
        }
    }
}
