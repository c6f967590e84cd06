package import WeirCore

/// Decisions, findings and checks for people.
package enum IdentityText {
    // MARK: Why

    /// The answer of `ExplainAuthorization`: each decision with what its layers, policies and statements say, a line each; then
    /// what the pull would do, where an image was asked about.
    package static func decisions(_ answer: JSONValue) -> String {
        let decisions = answer.list("decisions").map(decision).joined(separator: "\n")
        return decisions + (answer["pull"].map { "\nThe pull: " + pull($0) } ?? "")
    }

    /// What a pull would do, with what was looked at.
    package static func pull(_ answer: JSONValue) -> String {
        let steps = answer.list("steps").map { step in [step.text(of: "subject") ?? "", step.text(of: "finding") ?? ""] }
        return "\(answer.text(of: "decision") ?? ""): \(answer.text(of: "reason") ?? "")\n" + Table(steps).text(within: nil)
    }

    private static func decision(_ decision: JSONValue) -> String {
        let asked = ["principal", "action", "resource"].map { decision.text(of: $0) ?? "" }
        var lines = ["\(asked[0]): \(asked[1]) on \(asked[2])"]
        lines += decision.list("lines").map { line in
            // Three levels at most come from the server.
            String(repeating: "  ", count: Int(max(0, min(line.count(of: "depth"), 3))) + 1) + (line.text(of: "text") ?? "")
        }
        let missing = decision.texts("missingContextKeys")
        if !missing.isEmpty { lines.append("  keys that the request does not have: \(missing.joined(separator: ", "))") }
        lines += decision.texts("notes").map { "  note: \($0)" }
        return lines.map { $0 + "\n" }.joined()
    }

    // MARK: Checks

    /// The answer of `CheckPolicies`.
    package static func findings(_ answer: JSONValue) -> String {
        let findings = answer.list("findings")
        let count = answer.count(of: "policies")
        guard !findings.isEmpty else { return "Nothing was found in \(count) policies.\n" }
        let lines = findings.map { finding in
            let place = [finding.text(of: "place"), finding.text(of: "statement").map { "statement \($0)" }].compactMap(\.self)
            return "\(place.joined(separator: ", ")): \(finding.text(of: "message") ?? "") [\(finding.text(of: "kind") ?? "")]\n"
        }
        return lines.joined() + "\(findings.count) findings in \(count) policies.\n"
    }

    /// The member of an export under which entities of a kind stand.
    package static func member(_ kind: String) -> String {
        switch kind {
        case "user": "UserDetailList"
        case "group": "GroupDetailList"
        case "role": "RoleDetailList"
        case "policy": "Policies"
        case "instance-profile": "InstanceProfiles"
        case "oidc-provider": "OpenIDConnectProviders"
        default: kind
        }
    }

    // MARK: Web identities

    /// The answer of `TestWebIdentity`: a line for each step.
    package static func token(_ answer: JSONValue) -> String {
        let rows = answer.list("steps").map { step in
            ["  \(step.text(of: "outcome") ?? "")", step.text(of: "step") ?? "", step.text(of: "finding") ?? ""]
        }
        let head = answer.flag("allowed") ? "The token may assume the role" : "The token may not assume the role"
        var text = "\(head) \(answer.text(of: "role") ?? "").\n" + Table(rows).text(within: nil)
        if case .object(let claims)? = answer["conditionKeys"], !claims.isEmpty {
            text += "Condition keys that the token fills:\n"
            text += Table(
                claims.sorted { $0.key < $1.key }.map { key, values in
                    ["  \(key)", texts(values).joined(separator: ", ")]
                }
            ).text(within: nil)
        }
        return text + decisions(answer)
    }

    private static func texts(_ value: JSONValue) -> [String] {
        guard case .array(let values) = value else { return [] }
        return values.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }
}
