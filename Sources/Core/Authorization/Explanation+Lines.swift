extension Explanation {
    /// The explanation for a terminal or a log: a line for the decision, then for each layer and each statement that may matter.
    package struct Line: Sendable, Equatable {
        /// 0 the decision, 1 a layer, 2 a policy, 3 a statement.
        package let depth: Int
        package let text: String
    }

    /// - Parameter all: statements about other actions, too.
    package func lines(all: Bool = false) -> [Line] {
        var lines = [Line(depth: 0, text: Self.text(decision))]
        for layer in layers {
            lines.append(Line(depth: 1, text: "\(Self.name(layer.layer)): \(Self.text(layer.answer))"))
            for policy in layer.policies {
                let statements = policy.statements.filter { all || !$0.isAboutAnotherAction }
                let count = policy.statements.count
                let rest = count > statements.count ? " (\(count - statements.count) of \(count) are about other actions)" : ""
                lines.append(Line(depth: 2, text: "\(policy.source)\(rest)"))
                lines += statements.map { Line(depth: 3, text: $0.text) }
            }
        }
        return lines
    }

    private static func text(_ decision: AuthorizationDecision) -> String {
        let by = decision.decider.map { ", by the statement \($0.label) of \($0.policy)" } ?? ""
        return switch decision.verdict {
        case .allowed: "allowed\(by)"
        case .explicitDeny(let layer): "denied by the \(name(layer))\(by)"
        case .implicitDeny(let layer): "not allowed: the \(name(layer)) does not allow it"
        }
    }

    package static func name(_ layer: PolicyLayer) -> String {
        switch layer {
        case .resource: "resource-based policy"
        case .identity: "identity-based policy"
        case .boundary: "permissions boundary"
        case .session: "session policy"
        }
    }

    private static func text(_ answer: Answer) -> String {
        switch answer {
        case .denies: "denies"
        case .allows(.account): "allows the caller's account"
        case .allows(.role): "allows the role or user behind the session"
        case .allows(.everyone): "allows everyone"
        case .allows(.direct), .allows(.none): "allows"
        case .isSilent: "says nothing"
        }
    }
}

extension Explanation.Statement {
    fileprivate var isAboutAnotherAction: Bool {
        if case .differs(.action) = outcome { true } else { false }
    }

    /// In one line, as `lines` has it.
    package var text: String {
        let label = sid.map { "'\($0)'" } ?? "\(index + 1)"
        let subject = "\(effect.rawValue) \(label)"
        return switch outcome {
        case .applies: "\(subject): applies"
        case .differs(let difference): "\(subject): \(difference.text)"
        }
    }
}

extension Explanation.Difference {
    /// What differs, in a few words.
    package var text: String {
        switch self {
        case .action(let wanted, let asked): "is about \(wanted.text("actions")), not \(asked)"
        case .resource(let wanted, let asked): "is about \(wanted.text("resources")), not \(asked)"
        case .principal(let wanted, let caller): "is about \(wanted.text("principals")), not \(caller)"
        case .condition(let operation, let key, let wanted, let seen):
            "the condition \(operation) of \(key) wants \(wanted.joined(separator: " or ")), and the request has "
                + (seen.isEmpty ? "no value" : seen.joined(separator: ", "))
        }
    }
}

extension Explanation.Wanted {
    /// At most five of them.
    fileprivate func text(_ noun: String) -> String {
        let more = texts.count > 5 ? " and \(texts.count - 5) more" : ""
        let list = texts.prefix(5).joined(separator: ", ") + more
        return isNegated ? "all \(noun) but \(list)" : list
    }
}

extension AuthorizationDecision.Decider {
    /// How a message names the statement: its Sid in quotation marks, or its number from 1.
    package var label: String { sid.map { "'\($0)'" } ?? "\(index + 1)" }
}

extension NamedPolicy.Source: CustomStringConvertible {
    /// How a message names the policy.
    package var description: String {
        switch self {
        case .managed(let arn): arn
        case .inline(let kind, let owner, let name): "the \(kind) policy \(name) of \(owner)"
        case .resource(let name): "the \(name)"
        case .session: "the session policy"
        case .grant(let id): "the grant \(id)"
        }
    }
}

extension PolicyPrincipal {
    /// As a policy names it.
    var text: String {
        switch self {
        case .everyone: "*"
        case .account(let account): account.description
        case .identity(let arn), .pinned(let arn, _): arn
        case .uniqueID(let id): id
        case .service(let name), .federated(let name), .elsewhere(let name): name
        }
    }
}
