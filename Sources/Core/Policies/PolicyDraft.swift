/// A document of a policy's shape: its members are known and have the right types, and nothing else is certain.
struct PolicyDraft {
    let version: PolicyVersion?
    let statements: [StatementDraft]

    /// Throws `.syntax` where the shape is not a policy's.
    init(_ value: JSONValue, _ grammar: PolicyGrammar) throws(PolicyFault) {
        guard case .object(let members) = value else { throw PolicyFault("it is not a JSON object") }
        if grammar != .resource, value.hasNUL { throw PolicyFault("a text contains a NUL character") }
        try PolicyFault.requireOnly(["Version", "Id", "Statement"], in: members, of: "the policy")
        version = try Self.version(members["Version"])
        if let id = members["Id"], id.string == nil { throw PolicyFault("'Id' is not a string") }
        let list: [JSONValue]
        switch members["Statement"] {
        case .object(let statement): list = [.object(statement)]
        case .array(let statements): list = statements
        default: throw PolicyFault("'Statement' is not an object or a list of objects")
        }
        guard !list.isEmpty else { throw PolicyFault("it has no statement") }
        var statements: [StatementDraft] = []
        for statement in list { statements.append(try StatementDraft(statement)) }
        self.statements = statements
    }

    private static func version(_ value: JSONValue?) throws(PolicyFault) -> PolicyVersion? {
        guard let value else { return nil }
        guard let version = value.string.flatMap(PolicyVersion.init(rawValue:)) else {
            throw PolicyFault("'Version' is neither 2008-10-17 nor 2012-10-17")
        }
        return version
    }
}

struct StatementDraft {
    /// `NAME`, or everything but `NotNAME`.
    struct Member<Value> {
        let value: Value
        let isNegated: Bool
    }

    struct Condition {
        let operation: PolicyOperator
        let key: String
        let operands: [String]
    }

    let sid: String?
    let effect: String
    let principal: Member<JSONValue>?
    let action: Member<[String]>?
    let resource: Member<[String]>?
    let conditions: [Condition]

    private static let members: Set<String> = [
        "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
    ]

    init(_ value: JSONValue) throws(PolicyFault) {
        guard case .object(let members) = value else { throw PolicyFault("a statement is not an object") }
        try PolicyFault.requireOnly(Self.members, in: members, of: "a statement")
        if let sid = members["Sid"], sid.string == nil { throw PolicyFault("'Sid' is not a string") }
        sid = members["Sid"]?.string
        guard let effect = members["Effect"]?.string, ["allow", "deny"].contains(effect.asciiLowercased) else {
            throw PolicyFault("'Effect' is neither Allow nor Deny")
        }
        self.effect = effect
        principal = try Self.member("Principal", of: members)
        action = try Self.texts("Action", of: members)
        resource = try Self.texts("Resource", of: members)
        conditions = try Self.conditions(members["Condition"])
    }

    private static func member(
        _ name: String, of members: [String: JSONValue]
    ) throws(PolicyFault) -> Member<JSONValue>? {
        switch (members[name], members["Not" + name]) {
        case (.some, .some): throw PolicyFault("a statement has both '\(name)' and 'Not\(name)'")
        case (let value?, nil): return Member(value: value, isNegated: false)
        case (nil, let value?): return Member(value: value, isNegated: true)
        case (nil, nil): return nil
        }
    }

    private static func texts(
        _ name: String, of members: [String: JSONValue]
    ) throws(PolicyFault) -> Member<[String]>? {
        guard let member = try member(name, of: members) else { return nil }
        guard let texts = member.value.strings else { throw PolicyFault("'\(name)' is not a string or a list of strings") }
        return Member(value: texts, isNegated: member.isNegated)
    }

    /// A `Condition` block, `{operator: {key: values}}`.
    private static func conditions(_ value: JSONValue?) throws(PolicyFault) -> [Condition] {
        guard let value else { return [] }
        guard case .object(let operators) = value else { throw PolicyFault("'Condition' is not an object") }
        var conditions: [Condition] = []
        for (name, lines) in operators.sorted(by: { $0.key < $1.key }) {
            guard let operation = PolicyOperator(name) else { throw PolicyFault("'\(name)' is not a condition operator") }
            guard case .object(let keys) = lines else { throw PolicyFault("the condition '\(name)' is not an object") }
            for (key, operands) in keys.sorted(by: { $0.key < $1.key }) {
                guard let operands = operands.scalars, !key.isEmpty else {
                    throw PolicyFault("the values of '\(key)' under '\(name)' are not strings")
                }
                conditions.append(Condition(operation: operation, key: key, operands: operands))
            }
        }
        return conditions
    }
}

extension PolicyFault {
    static func requireOnly(
        _ allowed: Set<String>, in members: [String: JSONValue], of place: String
    ) throws(PolicyFault) {
        if let unknown = members.keys.sorted().first(where: { !allowed.contains($0) }) {
            throw PolicyFault("\(place) has the unknown member '\(unknown)'")
        }
    }
}

extension JSONValue {
    /// A text or a member's name holds U+0000, where some readers end.
    fileprivate var hasNUL: Bool {
        switch self {
        case .null, .bool, .integer, .number: false
        case .string(let text): text.utf8.contains(0)
        case .array(let values): values.contains(where: \.hasNUL)
        case .object(let members): members.contains { $0.key.utf8.contains(0) || $0.value.hasNUL }
        }
    }
}
