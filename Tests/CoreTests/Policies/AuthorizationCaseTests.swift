import Testing
import WeirCore

/// The cases of Tests/Cases/Authorization.
@Suite struct AuthorizationCaseTests {
    @Test(arguments: try CaseFile.names(in: "Authorization"))
    func decided(file: String) throws {
        let cases = try AuthorizationCase.all(in: file)
        #expect(!cases.isEmpty)
        for one in cases {
            let decision = Authorizer.decide(one.request, one.layers)
            #expect(decision.word == one.expected, "\(file) \(one.name)")
            if let decider = one.decider { #expect(decision.decider?.sid == decider, "\(file) \(one.name)") }
        }
    }

    @Test(arguments: try CaseFile.names(in: "Authorization"))
    func explained(file: String) throws {
        for one in try AuthorizationCase.all(in: file) {
            let explanation = Explanation(one.request, one.layers)
            #expect(explanation.decision == Authorizer.decide(one.request, one.layers), "\(file) \(one.name)")
            #expect(explanation.lines(all: true).count > 1)
        }
    }

    @Test func theWorkedExamplesAreAllThere() throws {
        let names = try AuthorizationCase.all(in: "worked-examples.json").map(\.name)
        #expect(Set(names).isSuperset(of: (1...32).map { "\($0)" }))
        #expect(Set(names).count == names.count)
    }

    @Test func whatDiffersIsTold() throws {
        let examples = try AuthorizationCase.all(in: "worked-examples.json")
        func lines(_ name: String) -> String {
            guard let one = examples.first(where: { $0.name == name }) else { return "" }
            return Explanation(one.request, one.layers).lines().map(\.text).joined(separator: "\n")
        }
        #expect(lines("1").contains("not allowed: the identity-based policy does not allow it"))
        #expect(
            lines("9").contains(
                "is about arn:aws:sts::111111111111:assumed-role/ci/run1, not arn:aws:sts::111111111111:assumed-role/ci/run2"))
        #expect(lines("11").contains("resource-based policy: says nothing"))
        #expect(
            lines("31b").contains(
                "the condition StringLike of token.actions.githubusercontent.com:sub wants repo:o/*, and the request has repo:o2/r:"
            ))
        #expect(lines("18").contains("wants team, and the request has no value"))
        #expect(lines("10").contains("denied by the session policy, by the statement 'no' of the policy 1"))
    }
}
