import Testing
import WeirCore
import WeirIdentity

@Suite struct PolicySimulationTests {
    private static let pull = "ecr:BatchGetImage"
    private static let repository = "arn:aws:ecr:us-east-1:111122223333:repository/app"

    private func simulation(
        _ documents: [String], boundary: String? = nil, resource: String? = nil, owner: String = "111122223333",
        _ context: [String: [String]] = [:]
    ) throws -> PolicySimulation {
        let account = try AccountID("111122223333")
        var values = PolicyContext()
        for (key, value) in context { values[key] = value }
        return PolicySimulation(
            policies: try documents.enumerated().map { try SimulatedPolicy("PolicyInputList.\($0 + 1)", $1) },
            boundary: try boundary.map { [try SimulatedPolicy("boundary", $0)] },
            resourcePolicy: try resource.map { try SimulatedPolicy("ResourcePolicy", $0, as: .resource) },
            caller: .user(IAMIdentity(id: "AIDA", arn: "arn:aws:iam::111122223333:user/bob", name: "bob"), of: account),
            owner: try AccountID(owner), context: values)
    }

    private static func statement(_ effect: String, _ action: String, _ more: String = "") -> String {
        #"{"Effect":"\#(effect)","Action":"\#(action)","Resource":"*"\#(more)}"#
    }

    private static func policy(_ statements: String...) -> String {
        #"{"Version":"2012-10-17","Statement":[\#(statements.joined(separator: ","))]}"#
    }

    @Test func theStatementsThatDecidedAreTold() throws {
        let allowing = Self.policy(Self.statement("Deny", "s3:*"), Self.statement("Allow", "ecr:*"))
        let answer = try simulation([allowing, Self.policy(Self.statement("Allow", "*"))]).answer(Self.pull, on: "*")
        #expect(answer.verdict == .allowed && answer.isAllowedByBoundary == nil)
        #expect(answer.matches.map(\.policy) == ["PolicyInputList.1", "PolicyInputList.2"])
        let denied = try simulation([allowing]).answer("s3:GetObject", on: "*")
        #expect(denied.verdict == .explicitDeny)
        // Behind the bracket, and behind the brace.
        let place = StatementPlace(start: PolicyText.Position(line: 1, column: 38), end: PolicyText.Position(line: 1, column: 86))
        #expect(denied.matches == [PolicySimulation.Match(policy: "PolicyInputList.1", place: place)])
        let silent = try simulation([allowing]).answer("kms:Decrypt", on: "*")
        #expect(silent.verdict == .implicitDeny && silent.matches.isEmpty)
    }

    @Test func aBoundaryIsTheCeiling() throws {
        let all = Self.policy(Self.statement("Allow", "*"))
        let bounded = try simulation([all], boundary: Self.policy(Self.statement("Allow", "s3:*")))
        #expect(bounded.answer(Self.pull, on: "*").verdict == .implicitDeny)
        #expect(bounded.answer(Self.pull, on: "*").isAllowedByBoundary == false)
        let inside = bounded.answer("s3:GetObject", on: "*")
        #expect(inside.verdict == .allowed && inside.isAllowedByBoundary == true)
        #expect(inside.matches.map(\.policy) == ["PolicyInputList.1", "boundary"])
        let denying = try simulation([all], boundary: Self.policy(Self.statement("Deny", "*")))
        #expect(denying.answer(Self.pull, on: "*").verdict == .explicitDeny)
    }

    @Test func aResourcePolicyNamesItsCaller() throws {
        let policy = #"""
            {"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"},
            "Action":"ecr:BatchGetImage"}}
            """#
        #expect(try simulation([], resource: policy).answer(Self.pull, on: Self.repository).verdict == .allowed)
        let foreign = "arn:aws:ecr:us-east-1:444455556666:repository/app"
        #expect(try simulation([], resource: policy).answer(Self.pull, on: foreign).verdict == .implicitDeny)
        let own = Self.policy(Self.statement("Allow", "ecr:*"))
        #expect(try simulation([own], resource: policy).answer(Self.pull, on: foreign).verdict == .allowed)
        #expect(
            try simulation([own], resource: policy, owner: "444455556666").answer("ecr:PutImage", on: "*").verdict
                == .implicitDeny)
        // Without one, the identity's policies alone are simulated.
        #expect(try simulation([own]).answer(Self.pull, on: foreign).verdict == .allowed)
    }

    @Test func onlyWhatIsGivenCounts() throws {
        let condition = #","Condition":{"StringEquals":{"aws:username":"bob"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#
        let policy = Self.policy(Self.statement("Allow", "ecr:*", condition))
        let bare = try simulation([policy])
        #expect(bare.answer(Self.pull, on: "*").verdict == .implicitDeny)
        #expect(bare.missingKeys == ["aws:SourceIp", "aws:username"])
        let given = try simulation([policy], ["AWS:UserName": ["bob"], "aws:sourceip": ["10.1.2.3"]])
        #expect(given.answer(Self.pull, on: "*").verdict == .allowed && given.missingKeys.isEmpty)
    }

    @Test func keysThatPoliciesRead() throws {
        let policy = #"""
            {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::b/${aws:username}/*",
            "arn:aws:s3:::b/${*}${$}/${aws:PrincipalTag/team, 'none'}"],"Condition":{"StringLike":{"s3:prefix":["${AWS:USERNAME}/*"]},
            "ForAllValues:StringEquals":{"aws:TagKeys":["a"]}}}]}
            """#
        #expect(
            try PolicyContextKeys.named(by: [policy, policy])
                == ["aws:username", "aws:PrincipalTag/team", "aws:TagKeys", "s3:prefix"])
        for bad in ["x", "{}", String(repeating: "[", count: 10_000)] {
            let refusal = #expect(throws: Refusal.self) { _ = try PolicyContextKeys.named(by: [policy, bad]) }
            #expect(refusal?.reason == .iamInvalidInput)
        }
    }

    @Test func thePoliciesOfAPrincipalAreRead() async throws {
        let room = try await PolicyRoom()
        let (bob, dev) = (try await room.made(.user, "bob", path: "/team/"), try await room.made(.group, "dev"))
        try await room.joined("bob", "dev")
        try await room.inline.put("own", document: PolicyRoom.anything, of: bob)
        try await room.inline.put("ours", document: PolicyRoom.nothing, of: dev)
        try await room.attachments.attach("arn:aws:iam::aws:policy/PowerUserAccess", to: dev)
        try await room.boundaries.set("arn:aws:iam::aws:policy/IAMReadOnlyAccess", of: bob)
        let sources = PolicySources(store: room.store)
        let source = try await sources.source("arn:aws:iam::111122223333:user/team/bob", in: room.account)
        #expect(source.policies.map(\.id) == ["user_bob_own", "group_dev_ours", "PowerUserAccess"])
        #expect(source.boundary?.map(\.id) == ["IAMReadOnlyAccess"])
        for text in [
            "arn:aws:sts::111122223333:assumed-role/ci/session", "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:policy/p", "x",
            "arn:aws:iam::aws:user/bob", "arn:aws:iam::111122223333:user/",
        ] {
            #expect(
                try await PolicyRoom.refusal { _ = try await sources.source(text, in: room.account) }
                    == "iamInvalidInput: Invalid Entity Arn: \(text)")
        }
        for text in [
            "arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:user/team/Bob",
            "arn:aws:iam::444455556666:user/team/bob",
        ] {
            #expect(
                try await PolicyRoom.refusal { _ = try await sources.source(text, in: room.account) }?.hasPrefix("noSuchEntity: ")
                    == true)
        }
    }
}

@Suite struct AccountDetailsTests {
    @Test func everythingIsListedOnceWhateverThePage() async throws {
        let room = try await PolicyRoom()
        let details = AccountDetails(store: room.store)
        for (kind, names) in [(EntityKind.user, ["u1", "u2", "u3"]), (.group, ["g1"]), (.role, ["r1", "r2"])] {
            for name in names { try await room.made(kind, name + kind.rawValue) }
        }
        _ = try await room.create("p1")
        let user = PolicyOwner(.user, named: "u1user", in: room.account)
        try await room.attachments.attach("arn:aws:iam::aws:policy/ReadOnlyAccess", to: user)
        try await room.boundaries.set("arn:aws:iam::aws:policy/IAMFullAccess", of: user)
        for limit in [1, 2, 3, 100] {
            var (kinds, after, pages): ([AccountDetail.Kind], String?, Int) = ([], nil, 0)
            repeat {
                let page = try await details.list(Set(AccountDetail.Kind.allCases), of: room.account, after: after, limit: limit)
                #expect(page.details.count <= limit)
                kinds += page.details.map(\.kind)
                after = page.next
                pages += 1
            } while after != nil && pages < 20
            #expect(kinds == [.user, .user, .user, .group, .role, .role, .ownPolicy, .awsPolicy, .awsPolicy])
        }
        let roles = try await details.list([.role], of: room.account, after: nil, limit: 10)
        #expect(roles.details.count == 2 && roles.next == nil)
        let counts = try await details.counts(of: room.account)
        #expect(
            counts.users == 3 && counts.roles == 2 && counts.groups == 1 && counts.policies == 1 && counts.policyVersions == 1)
    }
}
