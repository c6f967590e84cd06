import ConformanceSuites
import Testing
import WeirCore
import WeirIdentity
import WeirStorage

/// What `weir iam check` finds in an account, and what it does not.
@Suite struct AccountCheckTests {
    private struct House {
        let database: any SQLDatabase
        let store: IdentityStore
        let account: AccountID
        let region: Region

        init() async throws {
            database = StrictDatabase(try SQLiteDatabase.inMemory())
            try await database.migrate(IdentitySchema.migrations)
            store = IdentityStore(database: database, clock: WallClock { Timestamp(seconds: 1_800_000_000) })
            account = try AccountID("111122223333")
            region = try Region("us-east-2")
        }

        /// - Parameters:
        ///   - policies: texts of policies of its own.
        ///   - trust: a role's.
        ///   - document: a managed policy's.
        func add(
            _ kind: EntityKind, _ name: String, policies: [String] = [], boundary: String? = nil, trust: String? = nil,
            document: String? = nil, attached: [String] = []
        ) async throws {
            let id = EntityID.new(kind)
            let account = account
            try await database.write { sql in
                try sql.execute(
                    """
                    INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, boundary, tags)
                    VALUES ($1, $2, $3, $4, $4, '/', 1, 1, $5, '{}')
                    """, [.text(id), .text(account), .text(kind.rawValue), .text(name), .text(boundary)])
                for (index, text) in policies.enumerated() {
                    try sql.execute(
                        "INSERT INTO iam_inline_policy (owner_id, name, document) VALUES ($1, $2, $3)",
                        [.text(id), .text("p\(index)"), .text(text)])
                }
                for arn in attached {
                    try sql.execute(
                        "INSERT INTO iam_attachment (owner_id, policy_arn, attached_at) VALUES ($1, $2, 1)",
                        [.text(id), .text(arn)])
                }
                if kind == .role {
                    try sql.execute(
                        "INSERT INTO iam_role (id, trust, trust_pins, max_session_seconds) VALUES ($1, $2, '{}', 3600)",
                        [.text(id), .text(trust ?? House.trust(#"{"Service":"ecr.amazonaws.com"}"#))])
                }
                if let document {
                    try sql.execute(
                        "INSERT INTO iam_policy (id, default_version, last_version) VALUES ($1, 1, 1)", [.text(id)])
                    try sql.execute(
                        "INSERT INTO iam_policy_version (policy_id, version, document, created_at) VALUES ($1, 1, $2, 1)",
                        [.text(id), .text(document)])
                }
            }
        }

        func findings(isHome: Bool = true) async throws -> [AccountFinding] {
            let principals = Principals(store: store) { [account] in $0 == account }
            return try await AccountCheck(
                of: account, in: region, isHome: isHome, records: EntityRecords(store: store), principals: principals,
                at: Timestamp(seconds: 1_800_000_000)
            ).run().findings
        }

        func kinds(at place: String) async throws -> Set<String> {
            Set(try await findings().filter { $0.place == place }.map(\.kind))
        }

        static func allow(_ action: String, on resource: String = "*", _ condition: String = "") -> String {
            """
            {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"\(action)","Resource":"\(resource)"\(condition)}]}
            """
        }

        static func trust(_ principal: String) -> String {
            """
            {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":\(principal),"Action":"sts:AssumeRole"}]}
            """
        }
    }

    // MARK: Escalation

    private static let paths = [
        "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:CreateAccessKey", "iam:UpdateAccessKey",
        "iam:AttachUserPolicy", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:PutUserPolicy", "iam:PutGroupPolicy",
        "iam:PutRolePolicy", "iam:AddUserToGroup", "iam:UpdateAssumeRolePolicy", "iam:AddClientIDToOpenIDConnectProvider",
        "iam:UpdateOpenIDConnectProviderThumbprint", "weir:SetProviderKeys", "kms:CreateGrant", "kms:PutKeyPolicy",
        "weir:CreateRootKey",
    ]

    @Test("A right held is a path found: of a user, and of a role's session", arguments: paths)
    func held(action: String) async throws {
        let house = try await House()
        try await house.add(.user, "bob", policies: [House.allow(action)])
        try await house.add(.role, "ci", policies: [House.allow(action)])
        for place in ["user/bob", "role/ci"] {
            let found = try await house.findings().filter { $0.place == place && $0.kind == "escalation" }
            #expect(found.count == 1 && found[0].message.contains(action), "\(place): \(found)")
        }
    }

    @Test("A boundary is a ceiling, and so is a Deny", arguments: paths)
    func limited(action: String) async throws {
        let house = try await House()
        let boundary = "arn:aws:iam::111122223333:policy/ceiling"
        try await house.add(.policy, "ceiling", document: House.allow("ecr:BatchGetImage"))
        try await house.add(.user, "bob", policies: [House.allow(action)], boundary: boundary)
        let deny = House.allow(action).replacing("Allow", with: "Deny")
        try await house.add(.user, "ann", policies: [House.allow(action), deny])
        for place in ["user/bob", "user/ann"] { #expect(try await house.kinds(at: place) == []) }
    }

    @Test("Another account has no way to the root of others")
    func abroad() async throws {
        let house = try await House()
        try await house.add(.user, "bob", policies: [House.allow("weir:CreateRootKey")])
        #expect(try await house.findings(isHome: false).filter { $0.place == "user/bob" } == [])
    }

    @Test("A right on what is the caller's own alone, or on no administrator, is no path")
    func harmless() async throws {
        let house = try await House()
        let key = House.allow("iam:CreateAccessKey", on: "arn:aws:iam::111122223333:user/${aws:username}")
        let read = House.allow("iam:Get*")
        try await house.add(.user, "bob", policies: [key, read, House.allow("ecr:*")])
        #expect(try await house.kinds(at: "user/bob") == [])
    }

    @Test("A right on an administrator by name is a path")
    func administrators() async throws {
        let house = try await House()
        try await house.add(.user, "root2", policies: [House.allow("*")])
        try await house.add(
            .role, "admin", policies: [House.allow("*")],
            trust: House.trust(#"{"AWS":"arn:aws:iam::111122223333:user/eve"}"#))
        try await house.add(
            .user, "bob", policies: [House.allow("iam:CreateAccessKey", on: "arn:aws:iam::111122223333:user/root2")])
        try await house.add(
            .user, "ann", policies: [House.allow("iam:UpdateAssumeRolePolicy", on: "arn:aws:iam::111122223333:role/admin")])
        try await house.add(.user, "eve")
        #expect(try await house.kinds(at: "user/bob") == ["escalation"])
        #expect(try await house.kinds(at: "user/ann") == ["escalation"])
        // The role names her: she needs no policy of her own.
        #expect(try await house.kinds(at: "user/eve") == ["escalation"])
        #expect(try await house.kinds(at: "user/root2") == [])
        #expect(try await house.kinds(at: "role/admin") == [])
    }

    @Test(
        "An administrator's role that everyone in the account may assume",
        arguments: [
            (#"{"AWS":"111122223333"}"#, true), (#"{"AWS":"*"}"#, true),
            (#"{"AWS":"arn:aws:iam::111122223333:user/ann"}"#, false), (#"{"AWS":"444455556666"}"#, false),
        ])
    func openAdministrator(principal: String, isOpen: Bool) async throws {
        let house = try await House()
        try await house.add(.role, "admin", policies: [House.allow("*")], trust: House.trust(principal))
        try await house.add(.role, "reader", policies: [House.allow("ecr:Get*")], trust: House.trust(principal))
        #expect(try await house.kinds(at: "role/admin").contains("openAdministrator") == isOpen)
        #expect(try await !house.kinds(at: "role/reader").contains("openAdministrator"))
    }

    // MARK: Boundaries

    @Test("Who can write a boundary, take it off or get past it")
    func boundaries() async throws {
        let house = try await House()
        let arn = "arn:aws:iam::111122223333:policy/ceiling"
        try await house.add(.policy, "ceiling", document: House.allow("*"))
        try await house.add(.user, "limited", policies: [House.allow("ecr:Get*")], boundary: arn)
        try await house.add(.user, "writer", policies: [House.allow("iam:CreatePolicyVersion", on: arn)])
        try await house.add(
            .user, "stripper", policies: [House.allow("iam:DeleteUserPermissionsBoundary")], boundary: arn)
        try await house.add(.role, "past", policies: [House.allow("ecr:SetRepositoryPolicy")], boundary: arn)
        try await house.add(.user, "free", policies: [House.allow("ecr:SetRepositoryPolicy")])
        #expect(try await house.kinds(at: "user/limited") == [])
        #expect(try await house.kinds(at: "user/free") == [])
        #expect(try await house.kinds(at: "user/writer") == ["writableBoundary"])
        #expect(try await house.kinds(at: "user/stripper") == ["writableBoundary"])
        #expect(try await house.kinds(at: "role/past") == ["boundaryPassed"])
    }

    @Test("Who can remove what denies it something")
    func denials() async throws {
        let house = try await House()
        let deny = House.allow("s3:*").replacing("Allow", with: "Deny")
        let detach = House.allow("iam:DetachUserPolicy", on: "arn:aws:iam::111122223333:user/bob")
        try await house.add(.user, "bob", policies: [deny, detach])
        try await house.add(.user, "ann", policies: [detach.replacing("user/bob", with: "user/ann")])
        #expect(try await house.kinds(at: "user/bob") == ["removableDeny"])
        #expect(try await house.kinds(at: "user/ann") == [])
    }

    // MARK: Documents

    @Test func whatCannotBeReadIsFoundAndEndsNothing() async throws {
        let house = try await House()
        try await house.add(.user, "bob", policies: ["no policy", "{}"])
        try await house.add(.role, "ci", trust: "{")
        try await house.add(.user, "ann", policies: [House.allow("iam:PutUserPolicy")])
        let found = try await house.findings()
        #expect(
            Set(found.filter { $0.kind == "unreadable" }.map(\.place)) == [
                "user/bob, policy p0", "user/bob, policy p1", "role/ci, trust policy",
            ])
        #expect(found.contains { $0.place == "user/ann" && $0.kind == "escalation" })
    }

    @Test func policiesThatAreGoneAreFound() async throws {
        let house = try await House()
        let gone = "arn:aws:iam::111122223333:policy/gone"
        try await house.add(.user, "bob", boundary: gone, attached: [gone])
        #expect(try await house.kinds(at: "user/bob") == ["missingPolicy"])
    }

    @Test func namesInConditionsThatNobodyBears() async throws {
        let house = try await House()
        try await house.add(.user, "ann")
        func policy(_ name: String) -> String {
            House.allow("s3:Get*", on: "*", #","Condition":{"ArnEquals":{"aws:PrincipalArn":["\#(name)"]}}"#)
        }
        try await house.add(
            .user, "bob",
            policies: [
                policy("arn:aws:iam::111122223333:user/ann"), policy("arn:aws:iam::111122223333:user/gone"),
                policy("arn:aws:iam::111122223333:user/g*"), policy("arn:aws:iam::444455556666:user/elsewhere"),
            ])
        let found = try await house.findings().filter { $0.kind == "unknownPrincipal" }
        #expect(found.map(\.place) == ["user/bob, policy p1"] && found[0].message.contains("user/gone"))
    }

    @Test func findingsOfSinglePoliciesAreToldWithTheirPlace() async throws {
        let house = try await House()
        try await house.add(
            .group, "team",
            policies: [House.allow("ecr:GetAuthorizationToken", on: "arn:aws:ecr:us-east-2:111122223333:repository/a")])
        let found = try await house.findings()
        #expect(found.map(\.kind) == ["authorizationTokenOnRepository"] && found[0].place == "group/team, policy p0")
    }
}
