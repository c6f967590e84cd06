import WeirCore
import WeirIdentity

/// What a denial was about, in the form that `DecodeAuthorizationMessage` has at AWS.
enum AuthorizationMessage {
    static let header = "X-Weir-Authorization-Message"

    /// The sealed message; nil where the denial must not tell more than its sentence. A message that would be too long is sealed
    /// without the request's conditions.
    static func text(_ denial: AuthorizationDenial, by messages: AuthorizationMessages) -> String? {
        let account = denial.request.caller.account
        for parts in [Parts.all, .withoutConditions, .withoutStatement] {
            if let text = messages.seal(document(denial, parts).text, for: account) { return text }
        }
        return nil
    }

    enum Parts { case all, withoutConditions, withoutStatement }

    static func document(_ denial: AuthorizationDenial, _ parts: Parts = .all) -> JSONValue {
        let request = denial.request
        var isExplicit = false
        if case .explicitDeny = denial.decision.verdict { isExplicit = true }
        let statements = parts == .withoutStatement ? [] : statement(denial)
        let conditions = parts == .all ? request.context.all.map { condition($0.key, $0.values) } : []
        return [
            "allowed": false, "explicitDeny": .bool(isExplicit), "matchedStatements": items(statements), "failures": items([]),
            "context": [
                "principal": ["id": .string(request.caller.userID), "arn": .string(request.caller.principalARN)],
                "action": .string(request.action), "resource": .string(request.resource), "conditions": items(conditions),
            ],
        ]
    }

    /// The statement that denies. Of another account's policies nothing is told.
    private static func statement(_ denial: AuthorizationDenial) -> [JSONValue] {
        guard let statement = denial.statement, case .explicitDeny(let layer) = denial.decision.verdict,
            layer != .resource || denial.request.caller.account == denial.request.owner
        else { return [] }
        return [
            [
                "statementId": .string(statement.sid ?? ""), "effect": "DENY",
                "principals": values([denial.request.caller.identity?.id ?? denial.request.caller.userID]),
                "principalGroups": items([]), "actions": values(statement.actionTexts),
                "resources": values(statement.resourceTexts),
                "conditions": items(statement.conditionTexts.map { condition($0.key, $0.values) }),
            ]
        ]
    }

    private static func condition(_ key: String, _ texts: [String]) -> JSONValue {
        ["key": .string(key), "values": values(texts)]
    }

    private static func values(_ texts: [String]) -> JSONValue { items(texts.map { ["value": .string($0)] }) }

    private static func items(_ values: [JSONValue]) -> JSONValue { ["items": .array(values)] }
}
