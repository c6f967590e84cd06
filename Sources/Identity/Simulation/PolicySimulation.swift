package import WeirCore

/// A policy in a simulation, with the name by which its answers call it.
package struct SimulatedPolicy: Sendable {
    /// A managed policy's name, `role_ROLE_POLICY` for one inside a role, `PolicyInputList.1` for one that was passed.
    package let id: String
    let named: NamedPolicy
    let text: String
    let places: [StatementPlace]

    /// Throws `.iamInvalidInput` for a text that is no policy.
    package init(_ id: String, _ text: String, as grammar: PolicyGrammar = .identity) throws(Refusal) {
        self.init(id, text, try Self.check(text, as: grammar, id))
    }

    private init(_ id: String, _ text: String, _ document: PolicyDocument) {
        self.id = id
        self.text = text
        // The simulator's own name, which no stored policy has: it tells the matches of one from another's.
        named = NamedPolicy(.resource(id), document)
        places = StatementPlace.all(in: text)
    }

    /// Nil where the stored text cannot be read.
    init?(_ stored: PrincipalQueries.StoredPolicy) {
        guard let document = try? PolicyDocument(stored.text, as: .identity, maxLength: IdentityPolicyText.maxLength) else {
            return nil
        }
        switch stored.source {
        case .managed(let arn): self.init(ManagedPolicyARN(arn)?.name ?? arn, stored.text, document)
        case .inline(kind: let kind, owner: let owner, name: let name):
            self.init("\(kind)_\(owner)_\(name)", stored.text, document)
        case .resource, .session, .grant: return nil
        }
    }

    @discardableResult
    static func check(_ text: String, as grammar: PolicyGrammar, _ member: String) throws(Refusal) -> PolicyDocument {
        do { return try PolicyDocument(text, as: grammar, maxLength: IdentityPolicyText.maxLength) } catch {
            throw Refusal(.iamInvalidInput, "\(error.message)", facts: ["document": member, "reason": error.reason])
        }
    }
}

/// What IAM's simulator answers from: the policies and the context that it is given, and nothing of the request that asks.
package struct PolicySimulation: Sendable {
    package enum Verdict: String, Sendable {
        case allowed, explicitDeny, implicitDeny
    }

    /// A statement that brought the verdict about.
    package struct Match: Sendable, Equatable {
        package let policy: String
        package let place: StatementPlace

        package init(policy: String, place: StatementPlace) {
            self.policy = policy
            self.place = place
        }
    }

    package struct Answer: Sendable, Equatable {
        package let verdict: Verdict
        package let matches: [Match]
        /// Nil where there is no boundary.
        package let isAllowedByBoundary: Bool?
    }

    /// Those of the identity, its groups' too.
    package var policies: [SimulatedPolicy]
    /// Nil where there is none.
    package var boundary: [SimulatedPolicy]?
    /// The policy of the resource, where one is passed.
    package var resourcePolicy: SimulatedPolicy?
    package var caller: Caller
    /// Whose resource it is, where its ARN does not say.
    package var owner: AccountID
    package var context: PolicyContext

    package init(
        policies: [SimulatedPolicy], boundary: [SimulatedPolicy]? = nil, resourcePolicy: SimulatedPolicy? = nil, caller: Caller,
        owner: AccountID, context: PolicyContext
    ) {
        self.policies = policies
        self.boundary = boundary
        self.resourcePolicy = resourcePolicy
        self.caller = caller
        self.owner = owner
        self.context = context
    }

    /// The keys that the policies read and the context lacks, in the order of their documents.
    package var missingKeys: [String] {
        PolicyContextKeys.all(in: all.map(\.text)).filter { context[$0].isEmpty }
    }

    /// Characters of all documents: what one answer costs.
    package var size: Int { all.map(\.text.utf8.count).total }

    private var all: [SimulatedPolicy] { policies + (boundary ?? []) + (resourcePolicy.map { [$0] } ?? []) }

    package func answer(_ action: String, on resource: String) -> Answer {
        let request = AuthorizationRequest(
            caller: caller, action: action, resource: resource, owner: owner(of: resource), context: context)
        let callers = CallerPolicies(identity: policies.map(\.named), boundary: boundary?.map(\.named))
        let explanation = Explanation(
            request, PolicyLayers(resource: resourcePolicy.map { [$0.named] } ?? [], caller: callers))
        let isBounded = explanation.layers.first { $0.layer == .boundary }.map { $0.answer == .allows(.direct) }
        switch explanation.decision.verdict {
        case .allowed:
            return Answer(verdict: .allowed, matches: matches(.allow, explanation), isAllowedByBoundary: isBounded)
        case .explicitDeny:
            return Answer(verdict: .explicitDeny, matches: matches(.deny, explanation), isAllowedByBoundary: isBounded)
        case .implicitDeny: return Answer(verdict: .implicitDeny, matches: [], isAllowedByBoundary: isBounded)
        }
    }

    private func matches(_ effect: PolicyStatement.Effect, _ explanation: Explanation) -> [Match] {
        explanation.layers.flatMap { layer in
            zip(layer.policies, documents(of: layer.layer)).flatMap { read, policy in
                read.statements.compactMap { statement in
                    guard statement.effect == effect, case .applies = statement.outcome,
                        policy.places.indices.contains(statement.index)
                    else { return nil }
                    return Match(policy: policy.id, place: policy.places[statement.index])
                }
            }
        }
    }

    private func documents(of layer: PolicyLayer) -> [SimulatedPolicy] {
        switch layer {
        case .resource: resourcePolicy.map { [$0] } ?? []
        case .identity: policies
        case .boundary: boundary ?? []
        case .session: []
        }
    }

    /// Without a policy of the resource, the identity's alone are simulated, whoever owns the resource.
    private func owner(of resource: String) -> AccountID {
        guard resourcePolicy != nil else { return caller.account }
        let parts = resource.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        return parts.count == 6 ? (try? AccountID(String(parts[4]))) ?? owner : owner
    }
}
