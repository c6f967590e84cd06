import Testing
import WeirCore
import WeirRegistry
import WeirVault

@Suite struct AccessTests {
    private let test: TestRegistry
    private let name: RepositoryName
    private let foreigner: Caller
    private let user: Caller
    private let access: Access

    init() async throws {
        test = try await TestRegistry()
        name = try RepositoryName("team/app")
        foreigner = Caller.root(of: try AccountID("444455556666"))
        user = Caller.user(
            IAMIdentity(id: "AIDAANN", arn: "arn:aws:iam::111122223333:user/ann", name: "ann"), of: test.id.account)
        access = Access(
            repositories: test.registry.repositories, registries: test.registry.settings, principals: StubPrincipals(),
            keys: KeyAccess(keys: test.keys), secrets: SecretAccess(secrets: test.secrets), settings: AuthorizationSettings())
    }

    private func create(policy: String? = nil, tags: [ResourceTag] = []) async throws {
        _ = try await test.registry.repositories.create(
            name, in: test.id, settings: RepositorySettings(tags: tags, policy: policy))
    }

    /// The refusal's sentence; nil where the caller may.
    private func refused(_ caller: Caller, _ action: String = "ecr:BatchGetImage", on name: RepositoryName?) async throws
        -> String?
    {
        do {
            try await access.permit(caller, action, on: name, in: test.id)
            return nil
        } catch let refusal as Refusal {
            #expect(refusal.reason == .accessDenied)
            return refusal.message
        }
    }

    private static let statement = #"{"Statement":[{"Effect":"EFFECT","Principal":PRINCIPAL,"Action":"ecr:BatchGetImage"}]}"#

    private static func policy(_ effect: String, _ principal: String) -> String {
        statement.replacing("EFFECT", with: effect).replacing("PRINCIPAL", with: principal)
    }

    @Test func theOwnAccountMayAndOthersMayNot() async throws {
        try await create()
        #expect(try await refused(test.caller, on: name) == nil)
        #expect(try await refused(test.caller, "ecr:CreateRepository", on: RepositoryName("not/yet")) == nil)
        #expect(try await refused(test.caller, "ecr:DescribeRegistry", on: nil) == nil)
        #expect(
            try await refused(foreigner, on: name)
                == "User: arn:aws:iam::444455556666:root is not authorized to perform: ecr:BatchGetImage on resource: "
                + "arn:aws:ecr:us-east-2:111122223333:repository/team/app "
                + "because no resource-based policy allows the ecr:BatchGetImage action")
        #expect(try await refused(foreigner, on: RepositoryName("not/yet"))?.contains("no resource-based policy") == true)
        #expect(
            try await refused(foreigner, "ecr:DescribeRegistry", on: nil)
                == "User: arn:aws:iam::444455556666:root is not authorized to perform: ecr:DescribeRegistry on resource: * "
                + "because no resource-based policy allows the ecr:DescribeRegistry action")
        #expect(
            try await refused(user, on: name)
                == "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: ecr:BatchGetImage on resource: "
                + "arn:aws:ecr:us-east-2:111122223333:repository/team/app "
                + "because no identity-based policy allows the ecr:BatchGetImage action")
    }

    @Test func aPolicyLetsAnotherAccountIn() async throws {
        try await create(policy: Self.policy("Allow", #"{"AWS":"444455556666"}"#))
        #expect(try await refused(foreigner, on: name) == nil)
        #expect(try await refused(foreigner, "ecr:PutImage", on: name) != nil)
        let userAbroad = Caller.user(
            IAMIdentity(id: "AIDABOB", arn: "arn:aws:iam::444455556666:user/bob", name: "bob"), of: foreigner.account)
        #expect(try await refused(userAbroad, on: name)?.contains("no identity-based policy") == true)
    }

    @Test(arguments: ["weir:StartGarbageCollection", "weir:StartVerification", "weir:SetRuleOptions", "weir:RunLifecycle"])
    func whatAnOperatorMayDoIsNobodysByAWildcard(action: String) async throws {
        let everything = #"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Resource":"*","Action":"*"}]}"#
        try await create(policy: everything.replacing(#""Resource":"*","#, with: ""))
        try await test.registry.settings.setPolicy(everything, of: test.id)
        #expect(try await refused(foreigner, "ecr:BatchGetImage", on: name) == nil)
        #expect(try await refused(foreigner, action, on: nil)?.contains("no resource-based policy allows") == true)
        #expect(try await refused(foreigner, action, on: name) != nil)
        #expect(try await refused(test.caller, action, on: nil) == nil)
        try await test.registry.settings.setPolicy(everything.replacing(#""*"}"#, with: #""\#(action)"}"#), of: test.id)
        #expect(try await refused(foreigner, action, on: nil) == nil)
    }

    @Test func aPolicyLetsAUserAtHomeInByName() async throws {
        try await create(policy: Self.policy("Allow", #"{"AWS":"arn:aws:iam::111122223333:user/ann"}"#))
        #expect(try await refused(user, on: name) == nil)
        #expect(try await refused(user, "ecr:PutImage", on: name) != nil)
    }

    @Test func anExplicitDenyStopsTheOwnAccountToo() async throws {
        try await create(policy: Self.policy("Deny", #""*""#))
        #expect(
            try await refused(test.caller, on: name)
                == "User: arn:aws:iam::111122223333:root is not authorized to perform: ecr:BatchGetImage on resource: "
                + "arn:aws:ecr:us-east-2:111122223333:repository/team/app with an explicit deny in a resource-based policy")
        #expect(try await refused(test.caller, "ecr:PutImage", on: name) == nil)
    }

    @Test func aPolicyThatIsSetOrDeletedCountsAtOnce() async throws {
        try await create()
        let repositories = test.registry.repositories
        #expect(try await refused(foreigner, on: name) != nil)
        _ = try await repositories.setPolicy(
            Self.policy("Allow", #"{"AWS":"444455556666"}"#), of: name, in: test.id, by: test.caller, lockout: .refused)
        #expect(try await refused(foreigner, on: name) == nil)
        _ = try await repositories.deletePolicy(of: name, in: test.id)
        #expect(try await refused(foreigner, on: name) != nil)
    }

    @Test func conditionsSeeTheConnectionAndTheTags() async throws {
        try await create(
            policy: #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"#
                + #""IpAddress":{"aws:SourceIp":"203.0.113.0/24"},"Bool":{"aws:SecureTransport":"true"},"#
                + #""StringEquals":{"aws:ResourceTag/stage":"prod","ecr:ResourceTag/stage":"prod"},"#
                + #""DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}}}]}"#,
            tags: [ResourceTag(key: "stage", value: "prod")])
        #expect(try await refused(foreigner, on: name) != nil)
        let inside = RequestOrigin(address: "203.0.113.9", isSecure: true, userAgent: "test")
        try await RequestOrigin.$current.withValue(inside) {
            #expect(try await refused(foreigner, on: name) == nil)
            try await test.registry.repositories.tag(
                name, in: test.id, with: [ResourceTag(key: "stage", value: "test")])
            #expect(try await refused(foreigner, on: name) != nil)
        }
    }
}
