import Testing
import WeirCore
import WeirVault

@Suite struct SecretPolicyTests {
    private let test: TestVault
    private let bob: Caller

    init() async throws {
        test = try await TestVault()
        bob = .user(IAMIdentity(id: "AIDABOB", arn: "arn:aws:iam::111122223333:user/bob", name: "bob"), of: test.home.account)
    }

    private static func policy(_ effect: String, _ principal: String, _ more: String = "") -> String {
        #"{"Version":"2012-10-17","Statement":[{"Effect":"\#(effect)","Principal":\#(principal),"#
            + #""Action":"secretsmanager:GetSecretValue","Resource":"*"\#(more)}]}"#
    }

    private func verdict(_ caller: Caller, _ action: String, of name: String) async throws -> AuthorizationDecision.Verdict {
        let context = PolicyContext(
            of: caller, from: RequestOrigin(), at: test.time.now, owner: test.home.account, in: test.home.region)
        let (request, layers, _) = try await SecretAccess(secrets: test.secrets).gather(
            caller, action, on: name, in: test.home, context: context, callers: CallerPolicies())
        return Authorizer.decide(request, layers).verdict
    }

    private func set(_ policy: String, _ publicity: SecretPolicy.Publicity = .accepted) async throws {
        _ = try await test.secrets.setPolicy(policy, of: "app", in: test.home, publicity, by: RootsAlone())
    }

    @Test("A secret's policy lets a user in, and denies the root all but the way back")
    func evaluated() async throws {
        _ = try await test.secrets.create(.init(name: "app", value: .text("x")), in: test.home)
        #expect(try await verdict(bob, "secretsmanager:GetSecretValue", of: "app") == .implicitDeny(.identity))
        try await set(Self.policy("Allow", #"{"AWS":"arn:aws:iam::111122223333:user/bob"}"#))
        #expect(try await verdict(bob, "secretsmanager:GetSecretValue", of: "app") == .allowed)
        #expect(try await verdict(bob, "secretsmanager:DeleteSecret", of: "app") == .implicitDeny(.identity))
        try await set(Self.policy("Deny", #""*""#).replacing(":GetSecretValue", with: ":*"))
        let root = Caller.root(of: test.home.account)
        #expect(try await verdict(root, "secretsmanager:GetSecretValue", of: "app") == .explicitDeny(.resource))
        #expect(try await verdict(root, "secretsmanager:DeleteResourcePolicy", of: "app") == .allowed)
        #expect(try await test.secrets.describe("app", in: test.home).secret.policy != nil)
        _ = try await test.secrets.deletePolicy(of: "app", in: test.home)
        #expect(try await verdict(root, "secretsmanager:GetSecretValue", of: "app") == .allowed)
    }

    @Test("A policy for everyone is told from one that is bounded")
    func broad() async throws {
        _ = try await test.secrets.create(.init(name: "app"), in: test.home)
        await expectRefusal(.publicPolicy) { try await set(Self.policy("Allow", #""*""#), .refused) }
        try await set(Self.policy("Allow", #""*""#))
        let bound = #","Condition":{"StringEquals":{"aws:PrincipalAccount":"111122223333"}}"#
        try await set(Self.policy("Allow", #""*""#, bound), .refused)
        await expectRefusal(.publicPolicy) {
            try await set(Self.policy("Allow", #""*""#, #","Condition":{"StringLike":{"aws:PrincipalArn":"*"}}"#), .refused)
        }
        await expectRefusal(.publicPolicy) {
            try await set(Self.policy("Allow", #""*""#, bound.replacing("StringEquals", with: "StringNotEquals")), .refused)
        }
        await expectRefusal(.malformedResourcePolicy) { try await set("{}") }
    }

    @Test("The cache's own reading of a rule's secret can be denied by the secret's policy alone")
    func pullThroughCache() async throws {
        let name = "ecr-pullthroughcache/hub"
        let (secret, _) = try await test.secrets.create(
            .init(name: name, value: .text(#"{"username":"u","accessToken":"t"}"#)), in: test.home)
        _ = try await test.secrets.credential(arn: secret.arn, in: test.home)
        for principal in [#"{"Service":"pullthroughcache.ecr.amazonaws.com"}"#, #""*""#, #"{"AWS":"111122223333"}"#] {
            _ = try await test.secrets.setPolicy(
                Self.policy("Deny", principal), of: name, in: test.home, .accepted, by: RootsAlone())
            let refusal = await expectRefusal(.unableToAccessSecret) {
                _ = try await test.secrets.credential(arn: secret.arn, in: test.home)
            }
            #expect(refusal?.message.contains("pullthroughcache.ecr.amazonaws.com") == true)
        }
    }
}
