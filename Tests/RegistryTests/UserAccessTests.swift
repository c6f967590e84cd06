import NIOCore
import Testing
import WeirApplication
import WeirCore
import WeirRegistry
import WeirVault

/// What users and roles may do in ECR by their own policies, and what they learn of the rest.
@Suite struct UserAccessTests {
    private let test: TestRegistry
    private let principals = StubPrincipals()
    private let access: Access
    private let ann: Caller

    init() async throws {
        test = try await TestRegistry()
        ann = .user(IAMIdentity(id: "AIDAANN", arn: "arn:aws:iam::111122223333:user/ann", name: "ann"), of: test.id.account)
        access = Self.access(test, principals)
        for name in ["team/app", "team/tool", "other/app", "x/hidden"] {
            _ = try await test.registry.repositories.create(RepositoryName(name), in: test.id, settings: RepositorySettings())
        }
    }

    private static func access(
        _ test: TestRegistry, _ principals: StubPrincipals, _ settings: AuthorizationSettings = AuthorizationSettings()
    ) -> Access {
        Access(
            repositories: test.registry.repositories, registries: test.registry.settings, principals: principals,
            keys: KeyAccess(keys: test.keys), secrets: SecretAccess(secrets: test.secrets), settings: settings)
    }

    private static func statement(_ effect: String, _ action: String, _ resource: String, _ more: String = "") -> String {
        #"{"Effect":"\#(effect)","Action":"\#(action)","Resource":"\#(resource)"\#(more)}"#
    }

    private static func repository(_ name: String) -> String { "arn:aws:ecr:us-east-2:111122223333:repository/\(name)" }

    private func may(_ demand: AccessDemand, _ caller: Caller? = nil) async throws -> Bool {
        do {
            try await access.permit(caller ?? ann, demand)
            return true
        } catch let refusal as Refusal {
            #expect(refusal.reason == .accessDenied)
            return false
        }
    }

    private func on(_ name: String, _ action: String, image: AccessDemand.Image? = nil) throws -> AccessDemand {
        AccessDemand("ecr:\(action)", on: .repository(try RepositoryName(name), in: test.id), image: image)
    }

    private func seen() async throws -> [String] {
        try await access.repositories(visibleTo: ann, in: test.id, after: nil, limit: 100).items.map { "\($0.name)" }
    }

    // MARK: - Lists

    @Test("A list has what the caller may describe, and is denied where that is nothing")
    func filtered() async throws {
        let list = AccessDemand("ecr:DescribeRepositories", on: .repositories(in: test.id))
        #expect(try await !may(list))
        #expect(try await seen().isEmpty)
        try principals.set(ann, Self.statement("Allow", "ecr:Describe*", Self.repository("team/*")))
        #expect(try await may(list))
        #expect(try await seen() == ["team/app", "team/tool"])
        try principals.set(ann, Self.statement("Allow", "ecr:*", Self.repository("nothing/*")))
        #expect(try await !may(list))
        try principals.set(
            ann, Self.statement("Allow", "ecr:*", "*") + "," + Self.statement("Deny", "ecr:*", Self.repository("x/*")))
        #expect(try await may(list))
        #expect(try await seen() == ["other/app", "team/app", "team/tool"])
        #expect(try await !may(on("x/hidden", "ListImages")))
    }

    @Test("Pages of a filtered list follow one another without gaps")
    func pages() async throws {
        try principals.set(ann, Self.statement("Allow", "ecr:*", Self.repository("t*")))
        var (names, place) = ([String](), String?.none)
        repeat {
            let page = try await access.repositories(visibleTo: ann, in: test.id, after: place, limit: 1)
            names += page.items.map { "\($0.name)" }
            place = page.next
        } while place != nil
        #expect(names == ["team/app", "team/tool"])
    }

    @Test("A repository's own policy, and conditions on its tags, count in a list")
    func ownPolicies() async throws {
        let repositories = test.registry.repositories
        _ = try await repositories.setPolicy(
            #"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ann"},"Action":"ecr:DescribeRepositories"}]}"#
                .replacing("arn:aws:iam::111122223333:user/ann", with: "AIDAANNAIDAANNAID"),
            of: RepositoryName("other/app"), in: test.id, by: test.caller, lockout: .accepted)
        #expect(try await seen().isEmpty)
        try await repositories.tag(RepositoryName("team/tool"), in: test.id, with: [ResourceTag(key: "t", value: "1")])
        let condition = #","Condition":{"StringEquals":{"ecr:ResourceTag/t":"1"}}"#
        try principals.set(ann, Self.statement("Allow", "ecr:*", "*", condition))
        #expect(try await seen() == ["team/tool"])
    }

    // MARK: - Conditions

    @Test("A tag's and a digest's condition is about how the request names the image")
    func images() async throws {
        let condition = #","Condition":{"StringLike":{"weir:ImageTag":"release-*"}}"#
        try principals.set(ann, Self.statement("Allow", "ecr:BatchGetImage", "*", condition))
        let digest = Digest(of: [1])
        #expect(try await may(on("team/app", "BatchGetImage", image: .reference(.tag(Tag("release-1"))))))
        #expect(try await !may(on("team/app", "BatchGetImage", image: .reference(.tag(Tag("main"))))))
        #expect(try await !may(on("team/app", "BatchGetImage", image: .reference(.digest(digest)))))
        #expect(try await may(on("team/app", "BatchGetImage", image: .named(tag: "release-2", digest: "\(digest)"))))
        let sealed = #","Condition":{"StringNotEquals":{"weir:ImageDigest":"\#(digest)"}}"#
        try principals.set(ann, Self.statement("Allow", "ecr:*", "*") + "," + Self.statement("Deny", "ecr:*", "*", sealed))
        #expect(try await may(on("team/app", "BatchGetImage", image: .reference(.digest(digest)))))
        #expect(try await !may(on("team/app", "BatchGetImage", image: .reference(.tag(Tag("main"))))))
    }

    @Test("The organization is that of the settings")
    func organization() async throws {
        let condition = #","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}"#
        try principals.set(ann, Self.statement("Allow", "ecr:*", "*", condition))
        #expect(try await !may(on("team/app", "BatchGetImage")))
        var settings = AuthorizationSettings()
        settings.organization = "o-a1b2c3d4e5"
        try await Self.access(test, principals, settings).permit(ann, on("team/app", "BatchGetImage"))
    }

    @Test("A key used for another service is asked for in its name")
    func via() async throws {
        let key = try await test.keys.create(NewKey(description: "k"), in: test.id)
        let condition =
            #","Condition":{"StringEquals":{"kms:ViaService":"ecr.us-east-2.amazonaws.com","aws:CalledVia":"ecr.amazonaws.com"},"#
            + #""Bool":{"aws:ViaAWSService":"true"}}"#
        try principals.set(ann, Self.statement("Allow", "kms:*", "*", condition))
        let demand = KeyDemand(.named(key.arn), in: test.id)
        #expect(try await may(AccessDemand("kms:DescribeKey", on: .key(demand), via: "ecr")))
        #expect(try await !may(AccessDemand("kms:DescribeKey", on: .key(demand))))
    }

    @Test("A managed key is for everyone in the account, through its service")
    func managedKey() async throws {
        let demand = KeyDemand(.named(try await test.keys.managedKey(for: .ecr, in: test.id)), in: test.id)
        #expect(try await may(AccessDemand("kms:CreateGrant", on: .key(demand), via: "ecr")))
        #expect(try await !may(AccessDemand("kms:Decrypt", on: .key(demand))))
        #expect(try await !may(AccessDemand("kms:Decrypt", on: .key(demand)), .root(of: test.id.account)))
    }

    @Test("To hand over a role takes the right for that role and that service")
    func passRole() async throws {
        let role = "arn:aws:iam::111122223333:role/cache"
        let condition = #","Condition":{"StringEquals":{"iam:PassedToService":"pullthroughcache.ecr.amazonaws.com"}}"#
        #expect(try await !may(.passRole(role, to: .pullThroughCache, in: test.id)))
        try principals.set(ann, Self.statement("Allow", "iam:PassRole", role, condition))
        #expect(try await may(.passRole(role, to: .pullThroughCache, in: test.id)))
        #expect(try await !may(.passRole(role, to: .templates, in: test.id)))
        #expect(try await !may(.passRole(role + "2", to: .pullThroughCache, in: test.id)))
    }

    // MARK: - Modes

    @Test("The soft mode allows what policies deny, and not what strangers ask for")
    func soft() async throws {
        var settings = AuthorizationSettings()
        settings.enforcement = .soft
        let soft = Self.access(test, principals, settings)
        try await soft.permit(ann, on("team/app", "BatchGetImage"))
        await #expect(throws: Refusal.self) {
            try await soft.permit(.anonymous(at: test.id.account), on("team/app", "BatchGetImage"))
        }
    }

    @Test("A denial says which statement, for the audit record")
    func decision() async throws {
        try principals.set(ann, Self.statement("Deny", "ecr:*", "*", #","Sid":"S""#))
        let refusal = await #expect(throws: Refusal.self) { try await access.permit(ann, on("team/app", "BatchGetImage")) }
        #expect(refusal?.facts["weir.policy"] == "arn:aws:iam::111122223333:policy/own")
        #expect(refusal?.facts["weir.sid"] == "S")
        try principals.set(ann, Self.statement("Allow", "ecr:*", "*", #","Sid":"S""#))
        let decider = try await access.permit(ann, on("team/app", "BatchGetImage"))
        #expect(decider?.sid == "S")
    }

    // MARK: - Pins

    @Test("A policy names the user of the moment, and shows its id once it is gone")
    func pins() async throws {
        let repositories = Repositories(
            database: test.database, keys: test.keys, keyring: test.application.keys.vault.keyring, clock: WallClock { test.now },
            principals: principals)
        let name = try RepositoryName("team/app")
        let text = #"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"\#(ann.principalARN)"},"Action":"ecr:BatchGetImage"}]}"#
        func save() async throws {
            _ = try await repositories.setPolicy(text, of: name, in: test.id, by: test.caller, lockout: .accepted)
        }
        let refusal = await #expect(throws: Refusal.self) { try await save() }
        #expect(
            refusal?.message
                == "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Principal not found'")
        try principals.set(ann, "")
        try await save()
        #expect(try await repositories.policy(of: name, in: test.id) == text)
        let access = Access(
            repositories: repositories, registries: test.registry.settings, principals: principals,
            keys: KeyAccess(keys: test.keys), secrets: SecretAccess(secrets: test.secrets), settings: AuthorizationSettings())
        try await access.permit(ann, on("team/app", "BatchGetImage"))
        principals.forget(ann)
        let again = Caller.user(IAMIdentity(id: "AIDANEW", arn: ann.principalARN, name: "ann"), of: test.id.account)
        try principals.set(again, "")
        await #expect(throws: Refusal.self) { try await access.permit(again, on("team/app", "BatchGetImage")) }
        #expect(try await repositories.policy(of: name, in: test.id).contains(#""AIDAANN""#))
    }

    @Test("Pulls of a role's sessions are those of the role, for pull time exclusions")
    func exclusions() async throws {
        let role = "arn:aws:iam::111122223333:role/team/ci"
        let session = Caller.session(
            of: IAMIdentity(id: "AROACI", arn: role, name: "ci"), named: "run1", in: test.id.account,
            session: CallerSession(accessKeyID: "ASIA", issuedAt: test.now, expiresAt: test.now))
        let settings = test.registry.settings
        #expect(try await settings.records(pullsOf: session, in: test.id))
        _ = try await settings.exclude(role, in: test.id)
        #expect(try await !settings.records(pullsOf: session, in: test.id))
        #expect(try await settings.records(pullsOf: ann, in: test.id))
    }

    // MARK: - Repositories under a key

    @Test("A repository's grant on its key is listed, and what it seals is lost with it")
    func repositoryGrant() async throws {
        let key = try await test.keys.create(NewKey(description: "k"), in: test.id)
        let name = try RepositoryName("sealed/app")
        _ = try await test.registry.repositories.create(
            name, in: test.id, settings: RepositorySettings(encryption: .kms(key: key.id)))
        let grants = test.registry.repositoryGrants
        let page = try await grants.grants(of: key.arn, in: test.id, after: nil, limit: 10)
        let grant = try #require(page.items.first?.grant)
        #expect(page.items.count == 1 && grant.id.utf8.count == 64 && grant.repositoryARN.hasSuffix("repository/sealed/app"))
        #expect(try await !grants.revoke(String(repeating: "0", count: 64), of: key.arn, in: test.id))
        let config = try await test.push(.init(string: "{}"), to: "sealed/app")
        _ = try await test.registry.images.put(
            .init(string: Manifests.image(config: config, size: 2)), contentType: nil, as: Reference("1"), in: name, of: test.id)
        #expect(try await grants.revoke(grant.id, of: key.arn, in: test.id))
        #expect(try await grants.grants(of: key.arn, in: test.id, after: nil, limit: 10).items.isEmpty)
        let refusal = await #expect(throws: Refusal.self) { _ = try await test.pull("1", "sealed/app") }
        #expect(refusal?.reason == .kmsGrantRevoked)
        let batch = try await test.registry.images.batchGet([ImageIDRequest(digest: nil, tag: "1")], in: name, of: test.id)
        #expect(batch.images.isEmpty && batch.failures.map(\.code) == [.kmsError])
        await #expect(throws: Refusal.self) { try await test.push(.init(string: "after"), to: "sealed/app") }
    }

    // MARK: - First pulls

    @Test("The cache makes repositories by itself where the settings say so, unless the registry's policy denies it")
    func firstPull() async throws {
        let name = try RepositoryName("ecr-public/app")
        try principals.set(
            ann,
            Self.statement("Allow", "ecr:BatchGetImage", "*") + "," + Self.statement("Allow", "ecr:BatchImportUpstreamImage", "*")
        )
        #expect(try await !may(on("ecr-public/app", "CreateRepository")))
        let cache = ServicePrincipal.pullThroughCache.caller(in: test.id)
        #expect(try await may(on("ecr-public/app", "CreateRepository"), cache))
        try await test.registry.settings.setPolicy(
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"Service":"pullthroughcache.ecr.amazonaws.com"},"#
                + #""Action":"ecr:CreateRepository","Resource":"*"}]}"#,
            of: test.id)
        #expect(try await !may(on("\(name)", "CreateRepository"), cache))
    }
}
