import WeirCore
import WeirIdentity
import WeirRegistry

/// Whether a principal may do something, and why: the decision that a request of this moment would meet, and nothing is done.
struct ExplanationOperations: Sendable {
    let registry: Registry
    let identity: IdentityParts

    var table: [AWSOperation] { [AWSOperation(.weir, "ExplainAuthorization", may: .account, explain)] }

    private func explain(_ call: AWSCall) async throws -> JSONValue {
        let gathering = DecisionGathering(registry: registry, identity: identity, call: call)
        let given = try Self.context(call.input)
        let signer = try await gathering.signer(try call.input.string("principal", length: 1...2_048))
        guard call.input.has("image") else {
            let action = try call.input.string("action", length: 3...128, pattern: Self.action)
            let resource = try call.input.string("resource", length: 1...2_048)
            let decision = try await decide(signer, action, resource, given, gathering)
            return ["decisions": [decision]]
        }
        guard !call.input.has("action"), !call.input.has("resource") else {
            throw Refusal.invalidParameter("image", "image stands in place of action and resource")
        }
        return try await pull(signer, try await call.image(registry.cacheRules), given, gathering)
    }

    /// The pull of an image: each right that it takes, and what the pull would do.
    private func pull(
        _ signer: DecisionGathering.Signer, _ image: ImageName, _ given: [String: [String]], _ gathering: DecisionGathering
    ) async throws -> JSONValue {
        let here = gathering.call.registry
        var given = given
        switch image.reference {
        case .tag(let tag): given["weir:ImageTag"] = given["weir:ImageTag"] ?? ["\(tag)"]
        case .digest(let digest): given["weir:ImageDigest"] = given["weir:ImageDigest"] ?? ["\(digest)"]
        }
        var actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        let asked = try await registry.pulls.explanations.explain(
            image.reference, in: image.name, of: here, for: gathering.call.caller, askUpstream: false)
        if asked.decision == .fetch {
            actions.append("ecr:BatchImportUpstreamImage")
            if try await registry.repositories.find(image.name, in: here) == nil { actions.append("ecr:CreateRepository") }
        }
        var decisions: [JSONValue] = []
        for action in actions {
            decisions.append(
                try await decide(signer, action, here.arn("ecr", "repository/\(image.name)"), given, gathering))
        }
        let found = try await registry.pulls.explanations.explain(
            image.reference, in: image.name, of: here, for: signer.caller, askUpstream: false)
        return [
            "decisions": .array(decisions),
            "pull": [
                "decision": .string(found.decision.rawValue), "reason": .string(found.reason),
                "steps": .array(found.steps.map { ["subject": .string($0.subject.rawValue), "finding": .string($0.finding)] }),
            ],
        ]
    }

    private func decide(
        _ signer: DecisionGathering.Signer, _ action: String, _ resource: String, _ given: [String: [String]],
        _ gathering: DecisionGathering
    ) async throws -> JSONValue {
        do {
            let question = try await gathering.question(signer.caller, action, resource, given: given)
            return .explanation(Explanation(question.request, question.layers), notes: signer.notes + question.notes)
        } catch let refusal as Refusal where refusal.reason == .accessDenied {
            // A policy that cannot be read ends every request in the same way.
            return [
                "principal": .string(signer.caller.principalARN), "action": .string(action), "resource": .string(resource),
                "allowed": .bool(false), "message": .string(refusal.message),
                "lines": [["depth": .integer(0), "text": .string(refusal.message)]], "notes": .strings(signer.notes),
            ]
        }
    }

    // MARK: Input

    private static let action = Pattern("^[A-Za-z0-9-]+:[A-Za-z0-9]+$") { text in
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let isWord = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        }
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
            && parts[0].allSatisfy { isWord($0) || $0 == UInt8(ascii: "-") } && parts[1].allSatisfy(isWord)
    }

    /// At most 50 keys with at most 50 values each, as IAM's simulators take.
    private static func context(_ input: Parameters) throws -> [String: [String]] {
        guard let given = try input.optionalObject("context") else { return [:] }
        let names = given.names
        guard names.count <= 50 else { throw Refusal.invalidParameter("context", "It has more than 50 keys") }
        return try names.reduce(into: [:]) { values, name in
            guard (5...256).contains(name.utf8.count) else {
                throw Refusal.invalidParameter("context", "'\(name.prefix(64))' is no condition key")
            }
            values[name] = try given.strings(name, count: 0...50, length: 0...2_048)
        }
    }
}

extension JSONValue {
    /// A decision with all that each layer, policy and statement says, in Core's own words.
    static func explanation(_ explanation: Explanation, notes: [String]) -> JSONValue {
        let (request, decision) = (explanation.request, explanation.decision)
        let (verdict, layer): (String, PolicyLayer?) =
            switch decision.verdict {
            case .allowed: ("allowed", nil)
            case .explicitDeny(let layer): ("explicitDeny", layer)
            case .implicitDeny(let layer): ("implicitDeny", layer)
            }
        return .members([
            "principal": .string(request.caller.principalARN), "action": .string(request.action),
            "resource": .string(request.resource), "allowed": .bool(decision.isAllowed), "verdict": .string(verdict),
            "layer": layer.map { .string($0.rawValue) },
            "policy": decision.decider.map { .string("\($0.policy)") }, "sid": decision.decider?.sid.map { .string($0) },
            "statement": decision.decider.map { .integer(Int64($0.index) + 1) },
            "message": decision.isAllowed ? nil : .string(decision.refusal(of: request).message),
            "missingContextKeys": .strings(explanation.missingKeys),
            "lines": .array(
                explanation.lines().map { ["depth": .integer(Int64($0.depth)), "text": .string($0.text)] }),
            "notes": .strings(notes),
        ])
    }
}
