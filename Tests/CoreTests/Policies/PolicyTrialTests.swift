import Testing
import WeirCore

/// The compiled evaluator against the slow one, on generated sets of policies, and what must hold of every set.
@Suite struct PolicyTrialTests {
    /// A set of policies and a request, in both forms.
    private struct Trial {
        var resource: [SlowStatement]
        var identity: [SlowStatement]
        var boundary: [SlowStatement]?
        var session: [SlowStatement]?
        let caller: Caller
        let slowCaller: SlowCaller
        let action: String
        let asked: String
        let isStrict: Bool
        let context: [String: [String]]

        init(seed: UInt64) throws {
            var generator = PolicyGenerator(random: SeededRandom(seed: seed))
            func distinct(_ policy: [SlowStatement]) -> [SlowStatement] { policy.map(\.withoutRepeats) }
            resource = generator.random.isOne(of: 5) ? [] : distinct(generator.policy(hasPrincipal: true))
            identity = generator.random.isOne(of: 5) ? [] : distinct(generator.policy(hasPrincipal: false))
            boundary = generator.random.isOne(of: 3) ? distinct(generator.policy(hasPrincipal: false)) : nil
            session = generator.random.isOne(of: 3) ? distinct(generator.policy(hasPrincipal: false)) : nil
            (caller, slowCaller) = try generator.caller()
            if caller.isRoot || caller.kind == .anonymous { (boundary, session) = (nil, nil) }
            action = generator.random.pick(PolicyGenerator.actions)
            asked = generator.random.pick(PolicyGenerator.resources)
            isStrict = generator.random.isOne(of: 5)
            context = generator.context()
        }

        func request() throws -> AuthorizationRequest {
            var keys = PolicyContext()
            for (key, values) in context { keys[key] = values }
            return AuthorizationRequest(
                caller: caller, action: action, resource: asked, owner: try AccountID(PolicyGenerator.home),
                isStrict: isStrict, context: keys)
        }

        func layers() throws -> PolicyLayers {
            func named(_ statements: [SlowStatement], _ grammar: PolicyGrammar) throws -> [NamedPolicy] {
                if statements.isEmpty { return [] }
                let document: JSONValue = ["Version": "2012-10-17", "Statement": .array(statements.map(\.json))]
                return [NamedPolicy(.session, try PolicyDocument(document.text, as: grammar))]
            }
            return PolicyLayers(
                resource: try named(resource, .resource),
                caller: CallerPolicies(
                    identity: try named(identity, .identity), boundary: try boundary.map { try named($0, .identity) },
                    session: try session.map { try named($0, .identity) }))
        }

        var slow: String {
            let evaluator = SlowEvaluator(
                caller: slowCaller, action: action, resource: asked, hasBoundary: boundary != nil, context: context)
            func says(_ statements: [SlowStatement]) -> SlowAuthorizer.Says {
                let layer = evaluator.layer(statements)
                return layer.denies ? .deny : layer.named == "none" ? .silent : .allow
            }
            let layer = evaluator.layer(resource)
            return SlowAuthorizer.answer(
                SlowAuthorizer.Question(
                    kind: slowCaller.kind, isHome: slowCaller.account == PolicyGenerator.home, isStrict: isStrict,
                    resourceDenies: layer.denies, named: layer.named, identity: says(identity), boundary: boundary.map(says),
                    session: session.map(says)))
        }

        /// Without the statements that the difference does not need.
        func shrunk() throws -> Trial {
            var trial = self
            let lists: [WritableKeyPath<Trial, [SlowStatement]>] = [\.resource, \.identity]
            for list in lists {
                for place in trial[keyPath: list].indices.reversed() {
                    var less = trial
                    less[keyPath: list].remove(at: place)
                    if Authorizer.decide(try less.request(), try less.layers()).word != less.slow { trial = less }
                }
            }
            return trial
        }
    }

    private static let trials: UInt64 = 10_000

    @Test func theCompiledAndTheSlowAgree() throws {
        var counts: [String: Int] = [:]
        for seed in 0..<Self.trials {
            let trial = try Trial(seed: seed)
            let word = Authorizer.decide(try trial.request(), try trial.layers()).word
            counts[word, default: 0] += 1
            guard word != trial.slow else { continue }
            let small = try trial.shrunk()
            Issue.record(
                """
                seed \(seed): \(word), not \(trial.slow). \(small.slowCaller) asks \(small.action) on \(small.asked), strict \
                \(small.isStrict), context \(small.context)
                resource \(JSONValue.array(small.resource.map(\.json)).text)
                identity \(JSONValue.array(small.identity.map(\.json)).text)
                boundary \(JSONValue.array((small.boundary ?? []).map(\.json)).text) \(small.boundary == nil)
                session \(JSONValue.array((small.session ?? []).map(\.json)).text) \(small.session == nil)
                """)
            return
        }
        // All eight outcomes are tried often enough.
        #expect(counts.count == 9 && counts.values.allSatisfy { $0 > 20 }, "\(counts)")
    }

    @Test func whatHoldsOfEverySet() throws {
        let denyAll = NamedPolicy(
            .session,
            try PolicyDocument(
                #"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#, as: .identity))
        let allowAll = NamedPolicy(
            .session,
            try PolicyDocument(
                #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#, as: .identity))
        for seed in Self.trials..<Self.trials + 2_000 {
            let trial = try Trial(seed: seed)
            let (request, layers) = (try trial.request(), try trial.layers())
            let decision = Authorizer.decide(request, layers)
            #expect(Explanation(request, layers).decision == decision, "seed \(seed)")
            var denied = layers
            denied.caller.identity.append(denyAll)
            #expect(!Authorizer.decide(request, denied).isAllowed, "seed \(seed): a Deny more")
            var wider = layers
            wider.caller.identity.insert(allowAll, at: 0)
            if decision.isAllowed { #expect(Authorizer.decide(request, wider).isAllowed, "seed \(seed): an Allow more") }
            var narrower = layers
            narrower.caller.session = []
            if !decision.isAllowed, trial.session == nil {
                #expect(!Authorizer.decide(request, narrower).isAllowed, "seed \(seed): a session's limit")
            }
            var turned = trial
            turned.resource = trial.resource.reversed() + trial.resource
            turned.identity = trial.identity.reversed() + trial.identity
            #expect(
                Authorizer.decide(request, try turned.layers()).verdict == decision.verdict, "seed \(seed): order and repetition")
        }
    }
}
