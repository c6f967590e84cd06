/// A statement as the generator makes it, and as `SlowEvaluator` reads it: nothing of the real grammar.
struct SlowStatement {
    var isDeny = false
    /// Pairs of a kind and a name; nil in an identity's policy.
    var principals: [(kind: String, name: String)]?
    var isNotPrincipal = false
    var actions: [String] = []
    var isNotAction = false
    var resources: [String]?
    var isNotResource = false
    var conditions: [(operation: String, key: String, operands: [String])] = []
}

/// Who asks, in the words of the slow evaluator.
struct SlowCaller {
    let kind: String
    let account: String
    /// The caller's own ARN, such as a session's.
    let arn: String
    /// Of the user or role behind it.
    let identityARN: String?
    let identityID: String?
}

/// IAM's matching once more, for comparison: sets and backtracking, no early exit, no index. It allows a policy without its
/// index to be held against the real one.
struct SlowEvaluator {
    let caller: SlowCaller
    let action: String
    let resource: String
    let hasBoundary: Bool
    /// By key in lower case.
    let context: [String: [String]]

    /// What a layer says: whether a statement denies, and the strongest name by which one allows.
    func layer(_ statements: [SlowStatement]) -> (denies: Bool, named: String) {
        let applying = statements.map { ($0, strength($0)) }.filter { $0.1 != "none" }
        let allows = applying.filter { !$0.0.isDeny }.map(\.1)
        let order = SlowAuthorizer.strengths
        let best = allows.max { (order.firstIndex(of: $0) ?? 0) < (order.firstIndex(of: $1) ?? 0) } ?? "none"
        return (applying.contains { $0.0.isDeny }, best)
    }

    private func strength(_ statement: SlowStatement) -> String {
        let actionFits = statement.actions.contains { glob(Array($0.lowercased()), Array(action.lowercased())) }
        guard actionFits != statement.isNotAction, resourceFits(statement) else { return "none" }
        guard statement.conditions.allSatisfy({ holds($0, statement.isDeny) }) else { return "none" }
        guard let principals = statement.principals else { return "direct" }
        let names = principals.map { self.name($0.kind, $0.name) }
        guard statement.isNotPrincipal else {
            return SlowAuthorizer.strengths.last { names.contains($0) } ?? "none"
        }
        if statement.isDeny, hasBoundary { return "everyone" }
        if names.contains("everyone") { return "none" }
        let levels: Set<String> =
            switch caller.kind {
            case "root": ["account"]
            case "user": ["account", "direct"]
            case "session", "federated": ["account", "role", "direct"]
            default: ["direct"]
            }
        return levels.subtracting(names).isEmpty ? "none" : "everyone"
    }

    private func name(_ kind: String, _ name: String) -> String {
        if name == "*" { return "everyone" }
        if kind == "Service" || caller.kind == "anonymous" { return "none" }
        if name == caller.account || name == "arn:aws:iam::\(caller.account):root" { return "account" }
        if name == caller.arn { return caller.kind == "root" ? "none" : "direct" }
        if name == caller.identityARN { return "role" }
        if name == caller.identityID { return caller.kind == "user" ? "direct" : "role" }
        return "none"
    }

    private func resourceFits(_ statement: SlowStatement) -> Bool {
        guard let resources = statement.resources else { return true }
        let filled = resources.map(fill)
        let fits = filled.compactMap { $0 }.contains { glob($0, Array(resource)) }
        guard statement.isNotResource else { return fits }
        if !statement.isDeny, filled.contains(where: { $0 == nil }) { return false }
        return !fits
    }

    /// The pattern with its variables' values as literal text: a star of a value is U+0001, which stands for itself.
    private func fill(_ pattern: String) -> [Character]? {
        var result: [Character] = []
        var rest = Substring(pattern)
        while let begin = rest.firstRange(of: "${"), let end = rest[begin.upperBound...].firstIndex(of: "}") {
            result += Array(rest[..<begin.lowerBound])
            let values = context[rest[begin.upperBound..<end].lowercased()] ?? []
            guard values.count == 1, !values[0].isEmpty else { return nil }
            result += values[0].map { $0 == "*" ? "\u{1}" : $0 }
            rest = rest[rest.index(after: end)...]
        }
        return result + Array(rest)
    }

    private func glob(_ pattern: [Character], _ text: [Character]) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = Array(pattern.dropFirst())
        if first == "*" { return (0...text.count).contains { glob(rest, Array(text.dropFirst($0))) } }
        guard let head = text.first, first == "?" || first == head || first == "\u{1}" && head == "*" else { return false }
        return glob(rest, Array(text.dropFirst()))
    }

    private func holds(_ condition: (operation: String, key: String, operands: [String]), _ isDeny: Bool) -> Bool {
        var name = condition.operation
        let (all, any) = (name.hasPrefix("ForAllValues:"), name.hasPrefix("ForAnyValue:"))
        if all || any { name = String(name.split(separator: ":")[1]) }
        let ifExists = name.hasSuffix("IfExists")
        if ifExists { name = String(name.dropLast(8)) }
        let values = context[condition.key.lowercased()] ?? []
        if name == "Null" { return condition.operands.contains(values.isEmpty ? "true" : "false") }
        let isNegated = name.contains("Not")
        let patterns = condition.operands.map(fill)
        if patterns.contains(where: { $0 == nil }), !isDeny, isNegated || values.isEmpty { return false }
        func equals(_ value: String) -> Bool {
            patterns.compactMap { $0 }.contains { pattern in
                if name.hasSuffix("Like") { return glob(pattern, Array(value)) }
                let plain = String(pattern.map { $0 == "\u{1}" ? "*" : $0 })
                return name.hasSuffix("IgnoreCase") ? plain.lowercased() == value.lowercased() : plain == value
            }
        }
        let results = values.map { equals($0) != isNegated }
        if all { return !results.contains(false) || values.allSatisfy { $0 == "" } }
        if values.isEmpty { return any ? ifExists : ifExists || isNegated }
        return any || !isNegated ? results.contains(true) : !results.contains(false)
    }
}
