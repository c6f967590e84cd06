import Testing
import WeirApplication
import WeirCore
import WeirIdentity
import WeirRegistry
import WeirWeb

/// `weir accounts`, `weir keys` and `weir iam` as the server answers them.
@Suite struct AccountOperationsTests {
    @Test func anAccountSignsInWithTheKeyThatItIsMadeWith() async throws {
        let aws = try await TestAWS()
        let made = try await aws.call("CreateAccount", ["accountId": "555566667777", "alias": "team-b"], of: .weir)
        #expect(made["account"]?["accountId"] == "555566667777" && made["account"]?["isHome"] == .bool(false))
        let id = try #require(made["accessKey"]?["accessKeyId"]?.string)
        let secret = try #require(made["accessKey"]?["secretAccessKey"]?.string)
        let answer = await aws.respond(to: aws.request("DescribeRepositories", body: "{}", key: id, secret: secret))
        #expect(answer.status == 200)

        try await aws.call("CreateRepository", ["repositoryName": "team/app"])
        let list = try await aws.call("ListAccounts", [:], of: .weir)["accounts"]?.array ?? []
        #expect(list.map { $0["accountId"] } == ["111122223333", "555566667777"])
        #expect(list[0]["isHome"] == .bool(true) && list[0]["repositories"] == .integer(1))
        #expect(list[1]["alias"] == "team-b" && list[1]["rootKeys"] == .integer(1) && list[1]["repositories"] == .integer(0))
        let first = try await aws.call("ListAccounts", ["maxResults": .integer(1)], of: .weir)
        let second = try await aws.call(
            "ListAccounts", ["maxResults": .integer(1), "nextToken": first["nextToken"] ?? .null], of: .weir)
        #expect(second["accounts"]?.array.map { $0["accountId"] } == ["555566667777"] && second["nextToken"] == nil)
    }

    @Test func aDisabledAccountsKeyIsUnknown() async throws {
        let aws = try await TestAWS()
        let made = try await aws.call("CreateAccount", ["accountId": "555566667777"], of: .weir)
        let id = try #require(made["accessKey"]?["accessKeyId"]?.string)
        let secret = try #require(made["accessKey"]?["secretAccessKey"]?.string)
        func code() async throws -> Int {
            await aws.respond(to: aws.request("DescribeRepositories", body: "{}", key: id, secret: secret)).status
        }
        let disabled = try await aws.call("DisableAccount", ["accountId": "555566667777"], of: .weir)
        #expect(disabled["account"]?["disabledAt"] != nil)
        #expect(
            try TestAWS.refusal(
                await aws.respond(to: aws.request("DescribeRepositories", body: "{}", key: id, secret: secret))
            ).hasPrefix("UnrecognizedClientException"))
        let enabled = try await aws.call("EnableAccount", ["accountId": "555566667777"], of: .weir)
        #expect(enabled["account"]?["disabledAt"] == nil)
        #expect(try await code() == 200)
    }

    @Test func onlyTheHomeAccountManagesAccounts() async throws {
        let aws = try await TestAWS()
        // The home registry's policy gives the other account everything it can name.
        try await aws.registry.settings.setPolicy(
            """
            {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},
            "Action":["ecr:*","weir:*"],"Resource":"*"}]}
            """, of: aws.id)
        for operation in ["CreateAccount", "ListAccounts", "CreateRootKey", "DisableAccount", "EnableAccount"] {
            let refusal = try await aws.refusal(
                operation, ["accountId": "444455556666"], of: .weir, key: TestAWS.otherKeyID)
            #expect(refusal.hasPrefix("AccessDeniedException") && refusal.contains("weir:\(operation)"), "\(refusal)")
        }
    }

    @Test(
        "What is no account is refused",
        arguments: [("CreateAccount", "12"), ("CreateAccount", "11112222333x"), ("DisableAccount", "999900001111")])
    func noAccount(operation: String, account: String) async throws {
        let aws = try await TestAWS()
        let refusal = try await aws.refusal(operation, ["accountId": .string(account)], of: .weir)
        #expect(refusal.hasPrefix("InvalidParameterException"), "\(refusal)")
    }

    @Test(arguments: ["ab", "Team", "-a-b", "a--b", "a b c"])
    func noAlias(alias: String) async throws {
        let aws = try await TestAWS()
        let refusal = try await aws.refusal("CreateAccount", ["alias": .string(alias)], of: .weir)
        #expect(refusal.hasPrefix("InvalidParameterException"), "\(refusal)")
    }

    // MARK: Keys

    @Test func aRootKeyIsReplaced() async throws {
        let aws = try await TestAWS()
        let made = try await aws.call("CreateAccount", ["accountId": "555566667777"], of: .weir)
        let old = try #require(made["accessKey"]?["accessKeyId"])
        let replaced = try await aws.call(
            "CreateRootKey", ["accountId": "555566667777", "replace": .bool(true)], of: .weir)
        #expect(replaced["removed"]?.array == [old])
        #expect(aws.accessKeys.secret(of: old.string ?? "") == nil)
        #expect(aws.accessKeys.secret(of: replaced["accessKey"]?["accessKeyId"]?.string ?? "") != nil)
    }

    @Test func otherAccountsSeeTheirOwnKeysAlone() async throws {
        let aws = try await TestAWS()
        let all = try await aws.call("ListKeys", [:], of: .weir)["keys"]?.array ?? []
        #expect(Set(all.compactMap { $0["accessKeyId"]?.string }) == [TestAWS.accessKeyID, TestAWS.otherKeyID])
        let own = try await aws.call("ListKeys", [:], of: .weir, key: TestAWS.otherKeyID)["keys"]?.array ?? []
        #expect(own.map { $0["accessKeyId"] } == [.string(TestAWS.otherKeyID)] && own[0]["owner"] == "root")
        #expect(!JSONValue.array(all).text.contains(TestAWS.secret))
        let foreign = try await aws.refusal(
            "RemoveKey", ["accessKeyId": .string(TestAWS.accessKeyID)], of: .weir, key: TestAWS.otherKeyID)
        let unknown = try await aws.refusal("RemoveKey", ["accessKeyId": "AKIANONE"], of: .weir, key: TestAWS.otherKeyID)
        #expect(
            foreign.replacing(TestAWS.accessKeyID, with: "AKIANONE") == unknown, "A key of others is as one that is not there")
        try await aws.call("RemoveKey", ["accessKeyId": .string(TestAWS.otherKeyID)], of: .weir)
        #expect(aws.accessKeys.secret(of: TestAWS.otherKeyID) == nil)
    }

    @Test func theRootKeyOfTheHomeAccountStays() async throws {
        let aws = try await TestAWS()
        let refusal = try await aws.refusal("RemoveKey", ["accessKeyId": .string(TestAWS.accessKeyID)], of: .weir)
        #expect(refusal.contains("home account"))
        #expect(aws.accessKeys.secret(of: TestAWS.accessKeyID) != nil)
    }

    // MARK: Users and roles

    private static func add(_ kind: EntityKind, _ name: String, path: String = "/", to aws: TestAWS) async throws {
        _ = try await aws.application.ports.database.write { sql in
            try sql.execute(
                """
                INSERT INTO iam_entity (id, account, kind, name, folded_name, path, created_at, changed_at, tags)
                VALUES ($1, $2, $3, $4, $4, $5, 1, 1, '{"team":"a"}')
                """,
                [.text(EntityID.new(kind)), .text(aws.id.account), .text(kind.rawValue), .text(name), .text(path)])
        }
    }

    @Test(arguments: ["role/ci", "arn:aws:iam::111122223333:role/team/ci"])
    func sessionsAreRevoked(principal: String) async throws {
        let aws = try await TestAWS()
        try await Self.add(.role, "ci", path: "/team/", to: aws)
        let answer = try await aws.call("RevokeSessions", ["principal": .string(principal)], of: .weir)
        #expect(answer["principal"] == "arn:aws:iam::111122223333:role/team/ci")
        let role = try await EntityRecords(store: aws.application.keys.identity).find(.role, named: "ci", in: aws.id.account)
        #expect(role?.sessionsRevokedAt == TestAWS.now)
    }

    @Test(arguments: [
        "user/nobody", "role/ci/session", "root", "nonsense", "group/a", "arn:aws:iam::111122223333:role/other/ci",
        "arn:aws:iam::444455556666:role/ci", "user/", "arn:aws:iam::1:user/a",
    ])
    func noSessionsToRevoke(principal: String) async throws {
        let aws = try await TestAWS()
        try await Self.add(.role, "ci", path: "/team/", to: aws)
        let refusal = try await aws.refusal("RevokeSessions", ["principal": .string(principal)], of: .weir)
        #expect(refusal.hasPrefix("InvalidParameterException"), "\(refusal)")
    }

    @Test func anExportHoldsEverythingInPages() async throws {
        let aws = try await TestAWS()
        for name in ["ann", "bob", "cleo"] { try await Self.add(.user, name, to: aws) }
        try await Self.add(.role, "ci", path: "/team/", to: aws)
        let profiles = aws.application.keys.instanceProfiles
        _ = try await profiles.create(NewEntity("node"), in: aws.id.account)
        try await profiles.add(role: "ci", to: "node", in: aws.id.account)
        var found: [String: [String]] = [:]
        var token: JSONValue?
        var pages = 0
        repeat {
            let page = try await aws.call(
                "ExportIdentity", .members(["maxResults": .integer(2), "nextToken": token]), of: .weir)
            let kind = try #require(page["kind"]?.string)
            found[kind, default: []] += page["entities"]?.array.compactMap { $0["Name"]?.string } ?? []
            token = page["nextToken"]
            pages += 1
        } while token != nil && pages < 20
        #expect(found["user"] == ["ann", "bob", "cleo"] && found["role"] == ["ci"] && found["policy"] == [])
        #expect(found["instance-profile"] == ["node"])
        #expect(Set(found.keys) == Set(EntityKind.allCases.map(\.rawValue)))
        let other = try await aws.call("ExportIdentity", [:], of: .weir, key: TestAWS.otherKeyID)
        #expect(other["entities"]?.array == [])
    }
}
