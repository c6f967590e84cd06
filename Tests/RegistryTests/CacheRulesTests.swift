import ConformanceSuites
import Testing
import WeirCore
import WeirRegistry
import WeirVault

@Suite struct CacheRulesTests {
    private let test: TestRegistry
    private var rules: CacheRules { test.registry.cacheRules }

    init() async throws { test = try await TestRegistry() }

    private func prefix(_ text: String) throws -> Prefix { try Prefix(text, lengths: 1...256) }

    private func create(
        _ prefix: String, _ url: String, kind: UpstreamKind? = nil, upstreamPrefix: String? = nil, secret: String? = nil,
        role: String? = nil, in registry: RegistryID? = nil
    ) async throws -> CacheRule {
        try await rules.create(
            CacheRuleRequest(
                prefix: self.prefix(prefix), upstreamURL: url, kind: kind,
                upstreamPrefix: upstreamPrefix.map { try self.prefix($0) }, credentialARN: secret, customRoleARN: role),
            in: registry ?? test.id)
    }

    private func secret(
        _ name: String = "ecr-pullthroughcache/example1234", _ value: String = "test", in registry: RegistryID? = nil
    ) async throws -> String {
        try await test.secrets.create(Secrets.New(name: name, value: .text(value)), in: registry ?? test.id).secret.arn
    }

    private func refusal(_ body: () async throws -> some Sendable) async -> Refusal? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? Refusal
        }
    }

    @Test func theDocumentedRulesAreMade() async throws {
        let arn = try await secret()
        let withoutSuffix = String(arn.dropLast(7))
        for (prefix, url, kind, needsSecret) in [
            ("ecr-public", "public.ecr.aws", UpstreamKind.ecrPublic, false),
            ("kubernetes", "registry.k8s.io", .kubernetes, false), ("quay", "quay.io", .quay, false),
            ("docker-hub", "registry-1.docker.io", .dockerHub, true), ("github", "ghcr.io", .gitHub, true),
            ("azure", "myregistry.azurecr.io", .azure, true), ("gitlab", "registry.gitlab.com", .gitLab, true),
        ] {
            if needsSecret {
                let refused = await refusal { try await create(prefix, url) }
                #expect(refused?.reason == .unsupportedUpstreamRegistry)
                #expect(
                    refused?.message.hasPrefix(
                        "The specified upstream registry requires authentication. Specify a valid Secrets Manager ARN") == true)
            }
            let rule = try await create(prefix, url, secret: needsSecret ? withoutSuffix : nil)
            #expect(rule.kind == kind)
            #expect(rule.credentialARN == (needsSecret ? withoutSuffix : nil))
        }
        _ = try await create("with-suffix", "ghcr.io", secret: arn)
        #expect(try await rules.describe(in: test.id, after: nil, limit: 100).items.count == 8)
        let elsewhere = RegistryID(account: test.id.account, region: try Region("us-east-1"))
        #expect(try await rules.describe(in: elsewhere, after: nil, limit: 100).items.isEmpty)
    }

    @Test func whatIsSaidOfARuleIsReadBack() async throws {
        let role = "arn:aws:iam::111122223333:role/service/puller"
        let made = try await create(
            "team-a/", "444455556666.dkr.ecr.eu-west-1.amazonaws.com", kind: .ecr, upstreamPrefix: "upstream-app",
            role: role)
        #expect(made.prefix.description == "team-a/")
        #expect(made.upstreamPrefix?.description == "upstream-app")
        #expect(made.customRoleARN == role)
        #expect(made.createdAt == test.now)
        #expect(made.updatedAt == nil)
        #expect(try await rules.describe([prefix("team-a")], in: test.id) == [made])
        let root = try await create("ROOT", "quay.io", upstreamPrefix: "ROOT")
        #expect(root.upstreamPrefix == .root)
        #expect(try await rules.describe([prefix("ROOT")], in: test.id).first?.upstreamPrefix == .root)
    }

    @Test(
        "Rules ECR refuses",
        arguments: [
            (
                "p1", "harbor.example.com", nil, nil, Refusal.Reason.unsupportedUpstreamRegistry,
                "The upstream registry URL harbor.example.com is invalid. Specify a valid upstream registry URL and try again"
            ),
            (
                "p1", "https://public.ecr.aws", nil, nil, .unsupportedUpstreamRegistry,
                "The upstream registry URL https://public.ecr.aws is invalid. Specify a valid upstream registry URL and try again"
            ),
            (
                "p1", "quay.io", UpstreamKind.dockerHub, nil, .invalidParameter,
                "Invalid parameter at 'upstreamRegistry' failed to satisfy constraint: 'The upstream registry URL quay.io belongs to the upstream registry quay'"
            ),
            (
                "ROOT", "quay.io", nil, "team", .invalidParameter,
                "Invalid parameter at 'upstreamRepositoryPrefix' failed to satisfy constraint: 'An upstream repository prefix other than ROOT can be set only when the ECR repository prefix is not ROOT'"
            ),
        ])
    func refused(
        prefix: String, url: String, kind: UpstreamKind?, upstreamPrefix: String?, reason: Refusal.Reason, message: String
    ) async throws {
        let refused = await refusal { try await create(prefix, url, kind: kind, upstreamPrefix: upstreamPrefix) }
        #expect(refused?.reason == reason)
        #expect(refused?.message == message)
    }

    @Test(
        "ARNs that are no secret's of ours",
        arguments: [
            "arn:aws:secretsmanager:us-east-2:111122223333:secret:x",
            "arn:aws:iam::111122223333:role/ecr-pullthroughcache/x-and-so-on-and-on",
            "arn:aws:secretsmanager:us-east-2:111122223333:secret:other/example1234-abcdef",
            "arn:aws:secretsmanager:us-east-2:111122223333:secret:ecr-pullthroughcache/sp ace-abcdef",
            "arn:aws:secretsmanager:us-east-2:111122223333:secret:ecr-pullthroughcache/",
            "arn:aws-:secretsmanager:us-east-2:111122223333:secret:ecr-pullthroughcache/x-abcdef",
        ])
    func badARNs(arn: String) async throws {
        let refused = await refusal { try await create("hub", "registry-1.docker.io", secret: arn) }
        #expect(refused?.reason == .invalidParameter)
        #expect(refused?.message.contains("'credentialArn'") == true)
    }

    @Test func aSecretThatIsNotThereIsNotFound() async throws {
        let elsewhere = RegistryID(account: test.id.account, region: try Region("us-west-1"))
        let foreign = RegistryID(account: try AccountID("444455556666"), region: test.id.region)
        let deleted = try await secret("ecr-pullthroughcache/deleted")
        _ = try await test.secrets.delete(deleted, in: test.id, recovery: .days(7))
        let arns = [
            try await secret(in: elsewhere), try await secret(in: foreign), deleted,
            "arn:aws:secretsmanager:us-east-2:111122223333:secret:ecr-pullthroughcache/never-abcdef",
        ]
        for arn in arns {
            let refused = await refusal { try await create("hub", "registry-1.docker.io", secret: arn) }
            #expect(refused?.reason == .secretNotFound)
            #expect(
                refused?.message.hasPrefix(
                    "The ARN of the secret specified in the pull through cache rule was not found") == true)
        }
        #expect(try await rules.describe(in: test.id, after: nil, limit: 1).items.isEmpty)
    }

    @Test func aPrefixIsTakenOnceWithOrWithoutItsSlash() async throws {
        _ = try await create("quay", "quay.io")
        for text in ["quay", "quay/"] {
            let refused = await refusal { try await create(text, "public.ecr.aws") }
            #expect(refused?.reason == .cacheRuleAlreadyExists)
            #expect(
                refused?.message == "The pull through cache rule with Amazon ECR repository prefix '\(text)' already exists "
                    + "in the registry with id '111122223333'")
        }
        _ = try await create("quay-too", "quay.io")
    }

    @Test func theFiftyFirstRuleIsRefused() async throws {
        for number in 1...50 { _ = try await create("quay\(number)", "quay.io") }
        #expect(await refusal { try await create("quay1", "quay.io") }?.reason == .cacheRuleAlreadyExists)
        #expect(await refusal { try await create("quay51", "quay.io") }?.reason == .limitExceeded)
        #expect(try await rules.describe(in: test.id, after: nil, limit: 100).items.count == 50)
        _ = try await rules.delete(prefix("quay7"), in: test.id)
        _ = try await create("quay51", "quay.io")
    }

    @Test func rulesAreListedInPagesAndByName() async throws {
        for text in ["cc", "aa", "bb/"] { _ = try await create(text, "quay.io") }
        let first = try await rules.describe(in: test.id, after: nil, limit: 2)
        #expect(first.items.map(\.prefix.description) == ["aa", "bb/"])
        let second = try await rules.describe(in: test.id, after: first.next, limit: 2)
        #expect(second.items.map(\.prefix.description) == ["cc"])
        #expect(second.next == nil)
        let missing = await refusal { try await rules.describe([prefix("aa"), prefix("none")], in: test.id) }
        #expect(missing?.reason == .cacheRuleNotFound)
        #expect(
            missing?.message == "The pull through cache rule with Amazon ECR repository prefix 'none' does not exist "
                + "in the registry with id '111122223333'")
    }

    @Test func onlyTheSecretAndTheRoleCanBeChanged() async throws {
        let first = try await secret("ecr-pullthroughcache/one")
        let second = try await secret("ecr-pullthroughcache/two")
        let made = try await create("hub", "registry-1.docker.io", secret: first)
        test.pass(.seconds(5))
        let updated = try await rules.update(
            prefix("hub"), in: test.id, credentialARN: second, customRoleARN: nil)
        #expect(updated.credentialARN == second)
        #expect(updated.createdAt == made.createdAt)
        #expect(updated.updatedAt == test.now)
        #expect(try await rules.describe([prefix("hub")], in: test.id) == [updated])
        let missing = await refusal {
            try await rules.update(prefix("none"), in: test.id, credentialARN: second, customRoleARN: nil)
        }
        #expect(missing?.reason == .cacheRuleNotFound)
        let noSecret = await refusal {
            try await rules.update(prefix("hub"), in: test.id, credentialARN: second + "x", customRoleARN: nil)
        }
        #expect(noSecret?.reason == .secretNotFound)
        let foreignRole = await refusal {
            try await rules.update(
                prefix("hub"), in: test.id, credentialARN: nil, customRoleARN: "arn:aws:iam::444455556666:role/x")
        }
        #expect(foreignRole?.reason == .invalidParameter)
    }

    @Test func aDeletedRuleCoversNothingAnyMore() async throws {
        _ = try await create("quay", "quay.io")
        let name = try RepositoryName("quay/team/app")
        #expect(try await rules.rule(covering: name, in: test.id)?.kind == .quay)
        #expect(try await rules.delete(prefix("quay/"), in: test.id).prefix.description == "quay")
        #expect(try await rules.rule(covering: name, in: test.id) == nil)
        #expect(await refusal { try await rules.delete(prefix("quay"), in: test.id) }?.reason == .cacheRuleNotFound)
    }

    @Test func theClosestRuleCoversAName() async throws {
        for text in ["ROOT", "prod", "prod/team"] { _ = try await create(text, "quay.io") }
        for (name, covering) in [
            ("prod/team/app", "prod/team"), ("prod/app", "prod"), ("production/app", "ROOT"), ("prod/team", "prod"),
        ] {
            #expect(try await rules.rule(covering: RepositoryName(name), in: test.id)?.prefix.description == covering)
        }
    }

    @Test func aRuleIsValidWhenUpstreamTakesItsLogin() async throws {
        let arn = try await secret(
            "ecr-pullthroughcache/hub", #"{"username":"robot","accessToken":"good"}"#)
        _ = try await create("hub", "registry-1.docker.io", secret: arn)
        let valid = try await rules.validate(prefix("hub"), in: test.id)
        #expect(valid.isValid)
        let asked = try #require(test.upstream.requests.last)
        #expect(asked.kind == .resolve)
        #expect(asked.source.credential == UpstreamCredential(username: "robot", accessToken: "good"))
        test.upstream.fail(.denied)
        let denied = try await rules.validate(prefix("hub"), in: test.id)
        #expect(denied.failed?.step == .login)
        #expect(denied.failure?.contains("The authentication to the upstream registry failed") == true)
        test.upstream.recover()
        test.upstream.fail(.unavailable)
        #expect(try await rules.validate(prefix("hub"), in: test.id).failure?.contains("could not be reached") == true)
        #expect(await refusal { try await rules.validate(prefix("none"), in: test.id) }?.reason == .cacheRuleNotFound)
    }

    @Test func aRuleWhoseSecretIsNoLoginIsNotValidAndUpstreamIsNotAsked() async throws {
        let arn = try await secret("ecr-pullthroughcache/hub", "swordfish")
        _ = try await create("hub", "registry-1.docker.io", secret: arn)
        let result = try await rules.validate(prefix("hub"), in: test.id)
        #expect(result.failure?.contains("ecr-pullthroughcache/hub") == true)
        #expect(result.failure?.contains("swordfish") == false)
        #expect(test.upstream.requests.isEmpty)
    }

    @Test func settingsAllowAnyHostAndNoSecret() async throws {
        let open = CacheRules(
            database: test.database, secrets: test.secrets, upstream: test.upstream,
            policy: UpstreamPolicy(hosts: .any, secrets: .optional), clock: WallClock { Timestamp(seconds: 1) })
        func make(_ prefix: String, _ url: String, _ kind: UpstreamKind?) async throws -> CacheRule {
            try await open.create(
                CacheRuleRequest(prefix: self.prefix(prefix), upstreamURL: url, kind: kind), in: test.id)
        }
        #expect(try await make("hub", "registry-1.docker.io", nil).kind == .dockerHub)
        #expect(try await make("harbor", "harbor.example.com:8443", .gitLab).kind == .gitLab)
        #expect(try await make("h2", "harbor.example.com", nil).kind == .other)
        #expect(try await open.describe([prefix("h2")], in: test.id).first?.kind == .other)
        for url in ["http://x.example.com", "x.example.com/path", "user@x", "x..y", "-x.com", "x:0", "x:99999", ""] {
            #expect(await refusal { try await make("h3", url, .quay) }?.reason == .unsupportedUpstreamRegistry)
        }
    }
}
