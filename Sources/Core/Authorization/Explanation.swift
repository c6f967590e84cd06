/// Why a request is allowed or denied: what each layer, each policy and each statement says of it. Made on demand, by looking
/// at every statement; `decision` is what `Authorizer.decide` returns.
package struct Explanation: Sendable {
    package struct Layer: Sendable {
        package let layer: PolicyLayer
        package let policies: [Policy]
        package let answer: Answer
    }

    /// What a layer says by itself.
    package enum Answer: Sendable, Equatable {
        case denies
        /// A resource's policy names the caller this closely; a policy of the caller's own is about itself.
        case allows(PrincipalMatch)
        case isSilent
    }

    package struct Policy: Sendable {
        package let source: NamedPolicy.Source
        package let statements: [Statement]
    }

    package struct Statement: Sendable {
        package let sid: String?
        /// From 0, in the order of the document.
        package let index: Int
        package let effect: PolicyStatement.Effect
        package let outcome: Outcome
        /// The condition keys that it reads and the request does not have, in lower case and sorted. Empty unless its action and
        /// resource are those of the request.
        package let missingKeys: [String]
    }

    package enum Outcome: Sendable, Equatable {
        case applies(PrincipalMatch)
        case differs(Difference)
    }

    /// The first part of a statement that is about something else, with what it says and what the request has.
    package enum Difference: Sendable, Equatable {
        case action(Wanted, asked: String)
        case resource(Wanted, asked: String)
        case principal(Wanted, caller: String)
        /// - seen: the request's values; empty where it has none.
        case condition(operation: String, key: String, wanted: [String], seen: [String])
    }

    /// The texts of a list in a statement: these, or everything but these.
    package struct Wanted: Sendable, Equatable {
        package let texts: [String]
        package let isNegated: Bool
    }

    package let request: AuthorizationRequest
    package let decision: AuthorizationDecision
    /// In the order of `PolicyLayer`, without those that the caller does not have.
    package let layers: [Layer]

    package init(_ request: AuthorizationRequest, _ layers: PolicyLayers) {
        self.request = request
        let hasBoundary = layers.caller.boundary != nil
        let resource = LayerReading(.resource, layers.resource, request, hasBoundary: hasBoundary)
        let identity = LayerReading(.identity, layers.caller.identity, request)
        let boundary = layers.caller.boundary.map { LayerReading(.boundary, $0, request) }
        let session = layers.caller.session.map { LayerReading(.session, $0, request) }
        decision = Authorizer.combine(
            request,
            AnalysedLayers(
                resource: resource.analysis, identity: identity.analysis, boundary: boundary?.analysis,
                session: session?.analysis))
        self.layers = [resource, identity, boundary, session].compactMap { $0?.layer }
    }

    /// The condition keys that the decision may depend on and that the request does not have, in lower case and sorted.
    package var missingKeys: [String] {
        Set(layers.flatMap(\.policies).flatMap(\.statements).flatMap(\.missingKeys)).sorted()
    }
}

/// One layer, statement by statement.
private struct LayerReading {
    let layer: Explanation.Layer
    private(set) var analysis = LayerAnalysis()

    init(
        _ name: PolicyLayer, _ policies: [NamedPolicy], _ request: AuthorizationRequest, hasBoundary: Bool = false
    ) {
        var read: [Explanation.Policy] = []
        for policy in policies {
            var statements: [Explanation.Statement] = []
            for (index, statement) in policy.document.statements.enumerated() {
                let match = statement.match(request, hasBoundary: hasBoundary)
                if case .fits(let closeness) = match {
                    analysis.note(statement.effect, closeness) {
                        AuthorizationDecision.Decider(policy: policy.source, sid: statement.sid, index: index)
                    }
                }
                statements.append(statement.explained(at: index, match, request))
            }
            read.append(Explanation.Policy(source: policy.source, statements: statements))
        }
        let answer: Explanation.Answer =
            analysis.denier != nil ? .denies : analysis.allows ? .allows(analysis.strongest) : .isSilent
        layer = Explanation.Layer(layer: name, policies: read, answer: answer)
    }
}

extension PolicyStatement {
    fileprivate func explained(
        at index: Int, _ match: StatementMatch, _ request: AuthorizationRequest
    ) -> Explanation.Statement {
        let outcome: Explanation.Outcome
        var missing: [String] = []
        switch match {
        case .fits(let closeness): outcome = .applies(closeness)
        case .differs(let mismatch): outcome = .differs(difference(mismatch, request))
        }
        switch match {
        case .differs(.action), .differs(.resource): break
        case .fits, .differs(.principal), .differs(.condition):
            missing = Set(keys()).filter { request.context.values(for: $0).isEmpty }.sorted()
        }
        return Explanation.Statement(sid: sid, index: index, effect: effect, outcome: outcome, missingKeys: missing)
    }

    private func difference(_ mismatch: Mismatch, _ request: AuthorizationRequest) -> Explanation.Difference {
        switch mismatch {
        case .action: .action(Explanation.Wanted(actions, \.text), asked: request.action)
        case .resource:
            .resource(
                resources.map { Explanation.Wanted($0, \.text) } ?? Explanation.Wanted(texts: [], isNegated: false),
                asked: request.resource)
        case .principal:
            .principal(
                principals.map { Explanation.Wanted($0, \.text) } ?? Explanation.Wanted(texts: [], isNegated: false),
                caller: request.caller.principalARN)
        case .condition(let place):
            .condition(
                operation: conditions[place].operation.text, key: conditions[place].key, wanted: conditions[place].operands,
                seen: request.context.values(for: conditions[place].key))
        }
    }
}

extension Explanation.Wanted {
    init<Item>(_ scope: PolicyStatement.Scope<Item>, _ text: (Item) -> String) {
        switch scope {
        case .only(let items): self.init(texts: items.map(text), isNegated: false)
        case .allBut(let items): self.init(texts: items.map(text), isNegated: true)
        }
    }
}
