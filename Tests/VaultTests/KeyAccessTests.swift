import Testing
import WeirCore
import WeirVault

/// Who may use a KMS key: by its policy, and by grants.
@Suite struct KeyAccessTests {
    private let test: TestVault
    private let access: KeyAccess
    private let grants: Grants
    private let bob: Caller
    private let session: Caller

    init() async throws {
        test = try await TestVault()
        access = KeyAccess(keys: test.keys)
        grants = Grants(keys: test.keys, principals: KnownPrincipals())
        let account = test.home.account
        bob = .user(IAMIdentity(id: "AIDABOB", arn: "arn:aws:iam::111122223333:user/bob", name: "bob"), of: account)
        session = .session(
            of: IAMIdentity(id: "AROACI", arn: "arn:aws:iam::111122223333:role/team/ci", name: "ci"), named: "run1", in: account,
            session: CallerSession(
                accessKeyID: "ASIA1", issuedAt: Timestamp(seconds: 0), expiresAt: Timestamp(seconds: 4_000_000_000)))
    }

    /// The users and roles of the account: bob and ci.
    private struct KnownPrincipals: PrincipalPolicies {
        func policies(of caller: Caller) async throws -> CallerPolicies { CallerPolicies() }
        func principal(_ arn: String) async throws -> PrincipalLookup {
            switch arn {
            case "arn:aws:iam::111122223333:user/bob": .found(id: "AIDABOB")
            case "arn:aws:iam::111122223333:role/team/ci": .found(id: "AROACI")
            case _ where arn.contains(":111122223333:"): .missing
            default: .elsewhere
            }
        }
        func arn(ofPrincipal id: String) async throws -> String? { nil }
    }

    private static func document(_ action: String, _ effect: String = "Allow") throws -> CallerPolicies {
        let text = #"{"Version":"2012-10-17","Statement":[{"Effect":"\#(effect)","Action":"\#(action)","Resource":"*"}]}"#
        return CallerPolicies(identity: [
            NamedPolicy(.managed("arn:aws:iam::111122223333:policy/p"), try PolicyDocument(text, as: .identity))
        ])
    }

    private func verdict(
        _ caller: Caller, _ action: String, _ demand: KeyDemand, _ callers: CallerPolicies = CallerPolicies()
    ) async throws -> AuthorizationDecision.Verdict {
        let context = PolicyContext(
            of: caller, from: RequestOrigin(), at: test.time.now, owner: test.home.account, in: test.home.region)
        let (request, layers) = try await access.gather(caller, action, demand, context: context, callers: callers)
        return Authorizer.decide(request, layers).verdict
    }

    private func named(_ key: KMSKey, _ context: [String: String] = [:]) -> KeyDemand {
        var demand = KeyDemand(.named(key.id), in: test.home)
        demand.context = context
        return demand
    }

    private func key(policy: String) async throws -> KMSKey {
        try await test.keys.create(
            NewKey(
                description: "", policy: #"{"Version":"2012-10-17","Statement":[\#(policy)]}"#, tags: []), in: test.home,
            principals: KnownPrincipals())
    }

    private static func allow(_ principal: String, _ action: String = "kms:*", _ more: String = "") -> String {
        #"{"Effect":"Allow","Principal":{"AWS":"\#(principal)"},"Action":"\#(action)","Resource":"*"\#(more)}"#
    }

    private static let account = "arn:aws:iam::111122223333:root"

    @Test("The standard policy turns the caller's own policies on")
    func delegation() async throws {
        let key = try await test.key()
        #expect(try await verdict(bob, "kms:Decrypt", named(key)) == .implicitDeny(.identity))
        #expect(try await verdict(bob, "kms:Decrypt", named(key), Self.document("kms:Decrypt")) == .allowed)
        #expect(try await verdict(.root(of: test.home.account), "kms:Decrypt", named(key)) == .allowed)
    }

    @Test("Without the key's policy nobody may anything, the root neither")
    func rootOfTrust() async throws {
        let key = try await key(policy: Self.allow("arn:aws:iam::111122223333:user/bob"))
        #expect(try await verdict(.root(of: test.home.account), "kms:Decrypt", named(key)) == .implicitDeny(.resource))
        #expect(try await verdict(session, "kms:Decrypt", named(key), Self.document("kms:*")) == .implicitDeny(.resource))
        #expect(try await verdict(bob, "kms:Decrypt", named(key)) == .allowed)
        let recreated = Caller.user(IAMIdentity(id: "AIDANEW", arn: bob.principalARN, name: "bob"), of: test.home.account)
        #expect(try await verdict(recreated, "kms:Decrypt", named(key), Self.document("kms:*")) == .implicitDeny(.resource))
    }

    @Test("A principal that the account does not have is refused")
    func missingPrincipal() async throws {
        await expectRefusal(.kmsMalformedPolicy) {
            _ = try await key(policy: Self.allow(Self.account) + "," + Self.allow("arn:aws:iam::111122223333:user/nobody"))
        }
        _ = try await key(policy: Self.allow(Self.account) + "," + Self.allow("arn:aws:iam::999999999999:user/nobody"))
    }

    @Test("An alias, and a ciphertext without a key's name, lead to the key")
    func resource() async throws {
        let key = try await key(
            policy: Self.allow(Self.account) + "," + Self.allow("arn:aws:iam::111122223333:user/bob", "kms:Decrypt"))
        try await test.keys.createAlias("alias/app", for: key.id, in: test.home)
        #expect(try await verdict(bob, "kms:Decrypt", KeyDemand(.named("alias/app"), in: test.home)) == .allowed)
        let sealed = try await test.keys.encrypt([1], with: key.id, context: [:], in: test.home).ciphertext
        #expect(try await verdict(bob, "kms:Decrypt", KeyDemand(.sealer(of: sealed), in: test.home)) == .allowed)
        let other = try await test.key()
        let alien = try await test.keys.encrypt([1], with: other.id, context: [:], in: test.home).ciphertext
        #expect(try await verdict(bob, "kms:Decrypt", KeyDemand(.sealer(of: alien), in: test.home)) == .implicitDeny(.identity))
    }

    @Test("A missing key is told from a forbidden one only to those who may use it")
    func missing() async throws {
        let id = "00000000-0000-0000-0000-000000000000"
        let demand = KeyDemand(.named(id), in: test.home)
        #expect(try await verdict(bob, "kms:Decrypt", demand) == .implicitDeny(.identity))
        #expect(try await verdict(bob, "kms:Decrypt", demand, Self.document("kms:*")) == .allowed)
        let abroad = KeyDemand(.named("arn:aws:kms:us-east-2:444455556666:key/\(id)"), in: test.home)
        #expect(try await verdict(bob, "kms:Decrypt", abroad, Self.document("kms:*")) == .implicitDeny(.resource))
    }

    @Test("Conditions see the encryption context, the aliases and the key")
    func conditions() async throws {
        let condition =
            #","Condition":{"StringEquals":{"kms:EncryptionContext:env":"dev","kms:CallerAccount":"111122223333","#
            + #""kms:KeySpec":"SYMMETRIC_DEFAULT"},"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/a*"}}"#
        let key = try await key(
            policy: Self.allow(Self.account, "kms:PutKeyPolicy") + "," + Self.allow("*", "kms:Decrypt", condition))
        #expect(try await verdict(bob, "kms:Decrypt", named(key, ["env": "dev"])) == .implicitDeny(.resource))
        try await test.keys.createAlias("alias/app", for: key.id, in: test.home)
        #expect(try await verdict(bob, "kms:Decrypt", named(key, ["env": "dev"])) == .allowed)
        #expect(try await verdict(bob, "kms:Decrypt", named(key, ["env": "prod"])) == .implicitDeny(.resource))
    }

    // MARK: - Grants

    private func grant(
        to grantee: String = "arn:aws:iam::111122223333:user/bob", _ operations: [KMSGrant.Operation], on key: KMSKey,
        name: String? = nil, retiree: String? = nil, _ constraint: KMSGrant.Constraint? = nil
    ) async throws -> KMSGrant {
        try await grants.create(
            KMSGrant.Terms(name: name, grantee: grantee, retiree: retiree, operations: operations, constraint: constraint),
            on: key.id, in: test.home)
    }

    @Test("A grant allows what it names, in its encryption contexts, and a Deny wins")
    func allowing() async throws {
        let key = try await key(policy: Self.allow("arn:aws:iam::111122223333:role/team/ci"))
        _ = try await grant([.decrypt], on: key, .subset(["env": "dev"]))
        #expect(try await verdict(bob, "kms:Decrypt", named(key, ["env": "dev", "x": "1"])) == .allowed)
        #expect(try await verdict(bob, "kms:Decrypt", named(key, ["env": "prod"])) == .implicitDeny(.resource))
        #expect(try await verdict(bob, "kms:Encrypt", named(key, ["env": "dev"])) == .implicitDeny(.resource))
        #expect(
            try await verdict(bob, "kms:Decrypt", named(key, ["env": "dev"]), Self.document("kms:*", "Deny"))
                == .explicitDeny(.identity))
        _ = try await grant([.encrypt], on: key, .equals(["env": "dev"]))
        #expect(try await verdict(bob, "kms:Encrypt", named(key, ["env": "dev"])) == .allowed)
        #expect(try await verdict(bob, "kms:Encrypt", named(key, ["env": "dev", "x": "1"])) == .implicitDeny(.resource))
        let recreated = Caller.user(IAMIdentity(id: "AIDANEW", arn: bob.principalARN, name: "bob"), of: test.home.account)
        #expect(try await verdict(recreated, "kms:Decrypt", named(key, ["env": "dev"])) == .implicitDeny(.resource))
    }

    @Test("Who may grant by a grant passes on no more than it says")
    func passingOn() async throws {
        let key = try await key(policy: Self.allow("arn:aws:iam::111122223333:role/team/ci"))
        _ = try await grant([.decrypt, .createGrant], on: key, .subset(["env": "dev"]))
        func passes(_ operations: [KMSGrant.Operation], _ constraint: KMSGrant.Constraint?) async throws -> Bool {
            var demand = named(key)
            demand.grant = KMSGrant.Terms(grantee: bob.principalARN, operations: operations, constraint: constraint)
            return try await verdict(bob, "kms:CreateGrant", demand) == .allowed
        }
        #expect(try await passes([.decrypt], .subset(["env": "dev"])))
        #expect(try await !passes([.decrypt], nil))
        #expect(try await !passes([.encrypt], .subset(["env": "dev"])))
    }

    @Test("A grant of one name and the same terms is one grant")
    func repeated() async throws {
        let key = try await test.key()
        let first = try await grant([.decrypt], on: key, name: "a")
        #expect(try await grant([.decrypt], on: key, name: "a").id == first.id)
        #expect(try await grant([.encrypt], on: key, name: "a").id != first.id)
        #expect(try await grant([.decrypt], on: key).id != first.id)
        let (_, page) = try await grants.list(of: key.id, in: test.home, after: nil, limit: 2)
        #expect(page.items.count == 2 && page.next != nil)
        let (_, rest) = try await grants.list(of: key.id, in: test.home, after: page.next, limit: 2)
        #expect(Set(page.items + rest.items).count == 3)
    }

    @Test("The principals that a grant names may retire it, and no others")
    func retiring() async throws {
        let key = try await key(policy: Self.allow("arn:aws:iam::111122223333:role/team/ci", "kms:PutKeyPolicy"))
        let made = try await grant([.decrypt], on: key, retiree: "arn:aws:iam::111122223333:role/team/ci")
        var demand = named(key)
        demand.retired = made.id
        #expect(try await verdict(session, "kms:RetireGrant", demand) == .allowed)
        #expect(try await verdict(bob, "kms:RetireGrant", demand) == .implicitDeny(.resource))
        #expect(try await verdict(session, "kms:RevokeGrant", demand) == .implicitDeny(.resource))
        #expect(
            try await grants.retirable(by: "arn:aws:iam::111122223333:role/team/ci", in: test.home, after: nil, limit: 9).items
                == [made])
        let named = try Grants.read(token: made.token)
        #expect(named.keyID == key.id && named.id == made.id)
        #expect(try await grants.remove(made.id, of: key.id, in: test.home))
        #expect(try await !grants.remove(made.id, of: key.id, in: test.home))
    }

    @Test(
        "What is no grant is refused", arguments: ["nobody", "arn:aws:iam::111122223333:user/nobody", "arn:aws:s3:::bucket", "*"])
    func refused(grantee: String) async throws {
        let key = try await test.key()
        await expectRefusal(.kmsInvalidArn) { _ = try await grant(to: grantee, [.decrypt], on: key) }
        await expectRefusal(.validation) { _ = try await grant([.sign], on: key) }
        #expect(throws: Refusal.self) { _ = try Grants.read(token: "x.\(grantee)") }
    }
}
