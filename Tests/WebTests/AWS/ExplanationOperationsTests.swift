import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirWeb

/// `weir why PRINCIPAL ACTION RESOURCE` and `weir iam check` as the server answers them.
@Suite struct ExplanationOperationsTests {
    /// A user who may pull team/* from 10.0.0.0/8, and a role that may do everything.
    private static func house() async throws -> TestAWS {
        let aws = try await TestAWS()
        try await aws.call("CreateRepository", ["repositoryName": "team/app"])
        let pull = """
            {"Version":"2012-10-17","Statement":[{"Sid":"Team","Effect":"Allow","Action":"ecr:BatchGetImage",
            "Resource":"arn:aws:ecr:*:*:repository/team/*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}
            """
        let all = #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#
        let trust = """
            {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"},
            "Action":"sts:AssumeRole"}]}
            """
        let account = aws.id.account
        _ = try await aws.application.ports.database.write { sql in
            for (id, kind, name, policy) in [
                ("AIDAAAAAAAAAAAAAAABOB", "user", "bob", pull), ("AROAAAAAAAAAAAAAADMIN", "role", "admin", all),
            ] {
                try sql.execute(
                    """
                    INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, tags)
                    VALUES ($1, $2, $3, $4, $4, '/', 1, 1, '{}')
                    """, [.text(id), .text(account), .text(kind), .text(name)])
                try sql.execute(
                    "INSERT INTO iam_inline_policy (owner_id, name, document) VALUES ($1, 'own', $2)", [.text(id), .text(policy)])
            }
            try sql.execute(
                "INSERT INTO iam_role (id, trust, trust_pins, max_session_seconds) VALUES ($1, $2, '{}', 3600)",
                [.text("AROAAAAAAAAAAAAAADMIN"), .text(trust)])
        }
        return aws
    }

    private static func decision(
        _ aws: TestAWS, _ principal: String, _ action: String, _ resource: String, _ context: JSONValue = [:]
    ) async throws -> JSONValue {
        let answer = try await aws.call(
            "ExplainAuthorization",
            ["principal": .string(principal), "action": .string(action), "resource": .string(resource), "context": context],
            of: .weir)
        return try #require(answer["decisions"]?.array.first)
    }

    private static func text(_ decision: JSONValue) -> String {
        (decision["lines"]?.array ?? []).compactMap { $0["text"]?.string }.joined(separator: "\n")
    }

    @Test func theConditionThatFailedIsToldWithItsValue() async throws {
        let aws = try await Self.house()
        let denied = try await Self.decision(
            aws, "user/bob", "ecr:BatchGetImage", "team/app", ["aws:SourceIp": ["192.0.2.7"]])
        #expect(denied["allowed"] == .bool(false) && denied["verdict"] == "implicitDeny" && denied["layer"] == "identity")
        for part in ["'Team'", "IpAddress", "10.0.0.0/8", "192.0.2.7"] {
            #expect(Self.text(denied).contains(part), "\(Self.text(denied))")
        }
        #expect(denied["message"]?.string?.contains("because no identity-based policy allows") == true)
        let allowed = try await Self.decision(
            aws, "arn:aws:iam::111122223333:user/bob", "ecr:BatchGetImage",
            "arn:aws:ecr:us-east-2:111122223333:repository/team/app", ["aws:SourceIp": ["10.1.2.3"]])
        #expect(allowed["allowed"] == .bool(true) && allowed["sid"] == "Team" && allowed["statement"] == .integer(1))
    }

    @Test func theRepositorysPolicyIsAsked() async throws {
        let aws = try await Self.house()
        try await aws.call(
            "SetRepositoryPolicy",
            [
                "repositoryName": "team/app",
                "policyText": """
                {"Version":"2012-10-17","Statement":[{"Sid":"Never","Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage"}]}
                """,
            ])
        for principal in ["role/admin", "role/admin/build-7", "root"] {
            let denied = try await Self.decision(aws, principal, "ecr:BatchGetImage", "team/app")
            #expect(
                denied["verdict"] == "explicitDeny" && denied["layer"] == "resource" && denied["sid"] == "Never", "\(denied.text)"
            )
        }
        #expect(try await Self.decision(aws, "role/admin", "ecr:PutImage", "team/app")["allowed"] == .bool(true))
    }

    @Test func aRolesTrustIsAsked() async throws {
        let aws = try await Self.house()
        let role = "arn:aws:iam::111122223333:role/admin"
        #expect(try await Self.decision(aws, "user/bob", "sts:AssumeRole", role)["allowed"] == .bool(true))
        // All rights of its own do not make up for a trust policy that names another.
        let own = try await Self.decision(aws, "role/admin", "sts:AssumeRole", role)
        #expect(own["allowed"] == .bool(false) && own["layer"] == "resource")
        let gone = try await Self.decision(aws, "user/bob", "sts:AssumeRole", "arn:aws:iam::111122223333:role/gone")
        #expect(gone["allowed"] == .bool(false) && gone["notes"]?.array.isEmpty == false)
    }

    @Test func theOperatorsActionsAreTheirOwnPoliciesAlone() async throws {
        let aws = try await Self.house()
        #expect(try await Self.decision(aws, "role/admin", "weir:CreateAccount", "*")["allowed"] == .bool(true))
        #expect(try await Self.decision(aws, "user/bob", "weir:CreateAccount", "*")["allowed"] == .bool(false))
    }

    @Test func aPullIsExplainedRightByRight() async throws {
        let aws = try await Self.house()
        let answer = try await aws.call(
            "ExplainAuthorization",
            ["principal": "user/bob", "image": "team/app:1", "context": ["aws:SourceIp": ["10.0.0.1"]]], of: .weir)
        let decisions = answer["decisions"]?.array ?? []
        #expect(decisions.map { $0["action"] } == ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"])
        #expect(decisions.map { $0["allowed"] } == [.bool(true), .bool(false)])
        #expect(answer["pull"]?["decision"]?.string != nil)
    }

    @Test(
        "What cannot be asked",
        arguments: [
            ("user/nobody", "ecr:PutImage", "*"), ("bob", "ecr:PutImage", "*"), ("user/bob", "ecr", "*"),
            ("user/bob", "ecr:Put*", "*"), ("user/bob", "ecr:PutImage", "UPPER"), ("role/admin/a/b", "ecr:PutImage", "*"),
            ("user/bob", "ecr:PutImage", "arn:aws:s3:::a"), ("user/bob", "", "*"),
        ])
    func refused(principal: String, action: String, resource: String) async throws {
        let aws = try await Self.house()
        let refusal = try await aws.refusal(
            "ExplainAuthorization",
            ["principal": .string(principal), "action": .string(action), "resource": .string(resource)], of: .weir)
        #expect(refusal.hasPrefix("InvalidParameterException") || refusal.hasPrefix("ValidationException"), "\(refusal)")
    }

    @Test func anotherAccountAsksAboutItsOwnAlone() async throws {
        let aws = try await Self.house()
        for (principal, resource) in [
            ("arn:aws:iam::111122223333:user/bob", "*"), ("root", "arn:aws:ecr:us-east-2:111122223333:repository/team/app"),
        ] {
            let refusal = try await aws.refusal(
                "ExplainAuthorization",
                ["principal": .string(principal), "action": "ecr:PutImage", "resource": .string(resource)], of: .weir,
                key: TestAWS.otherKeyID)
            #expect(refusal.contains("of another account"), "\(refusal)")
        }
    }

    @Test func policiesAreCheckedWithThoseOfRepositories() async throws {
        let aws = try await Self.house()
        try await aws.call(
            "SetRepositoryPolicy",
            [
                "repositoryName": "team/app",
                "policyText": """
                {"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}
                """,
            ])
        let answer = try await aws.call("CheckPolicies", [:], of: .weir)
        let findings = answer["findings"]?.array ?? []
        #expect(findings.contains { $0["place"]?.string?.contains("repository team/app") == true && $0["kind"] == "everyone" })
        // The administrator's role names bob.
        #expect(findings.contains { $0["place"] == "user/bob" && $0["kind"] == "escalation" })
        #expect(answer["isComplete"] == .bool(true))
        let other = try await aws.call("CheckPolicies", [:], of: .weir, key: TestAWS.otherKeyID)
        #expect(other["findings"]?.array == [] && other["policies"] == .integer(0))
    }

    // MARK: Web identities

    @Test func aTokenIsNeverSaidAgain() async throws {
        let aws = try await Self.house()
        let planted = "planted-web-identity-token"
        let answer = try await aws.call(
            "TestWebIdentity", ["webIdentityToken": .string(planted), "role": "role/admin"], of: .weir)
        #expect(answer["allowed"] == .bool(false) && !answer.text.contains(planted))
        let steps = answer["steps"]?.array ?? []
        #expect(steps.first?["step"] == "token" && steps.first?["outcome"] == "failed")
        #expect(steps.contains { $0["step"] == "role" && $0["outcome"] == "passed" })
        for token in ["abc", String(repeating: planted, count: 1_000)] {
            let refusal = try await aws.refusal(
                "TestWebIdentity", ["webIdentityToken": .string(token), "role": "role/admin"], of: .weir)
            #expect(!refusal.contains(token.prefix(20)) || token == "abc")
        }
    }

    @Test(arguments: [
        "https://idp.example", "arn:aws:iam::111122223333:oidc-provider/idp.example", "idp",
        "arn:aws:iam::444455556666:oidc-provider/idp.example",
    ])
    func aProviderThatIsNotThere(provider: String) async throws {
        let aws = try await Self.house()
        let refusal = try await aws.refusal("SetProviderKeys", ["provider": .string(provider)], of: .weir)
        #expect(refusal.hasPrefix("InvalidParameterException"), "\(refusal)")
    }
}
