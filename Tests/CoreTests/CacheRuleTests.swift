import Testing
import WeirCore

@Suite struct CacheRuleTests {
    private func rule(_ prefix: String, upstream: String?) throws -> CacheRule {
        CacheRule(
            prefix: try Prefix(prefix, lengths: CacheRule.prefixLengths), upstreamURL: "registry-1.docker.io", kind: .dockerHub,
            upstreamPrefix: try upstream.map { try Prefix($0, lengths: CacheRule.prefixLengths) },
            createdAt: Timestamp(seconds: 0))
    }

    @Test(
        "The cache prefix comes off and the upstream prefix goes on",
        arguments: [
            ("docker-hub", nil, "docker-hub/library/nginx", "library/nginx"),
            ("docker-hub", "ROOT", "docker-hub/library/nginx", "library/nginx"),
            ("docker-hub/", nil, "docker-hub/library/nginx", "library/nginx"),
            ("hub", "library", "hub/nginx", "library/nginx"), ("hub", "library/", "hub/nginx", "library/nginx"),
            ("a/b", "c/d", "a/b/e/f", "c/d/e/f"), ("ROOT", "library", "nginx", "library/nginx"),
            ("ROOT", nil, "library/nginx", "library/nginx"), ("ROOT", "ROOT", "a/b/c", "a/b/c"),
            // The prefix is removed once, also where the name repeats it.
            ("hub", nil, "hub/hub/x", "hub/x"),
        ] as [(String, String?, String, String)])
    func upstreamRepository(prefix: String, upstream: String?, name: String, expected: String) throws {
        let rule = try rule(prefix, upstream: upstream)
        let name = try RepositoryName(name)
        #expect(rule.prefix.covers(name))
        #expect(rule.upstreamRepository(for: name) == expected)
    }

    @Test(
        "Hosts that ECR knows",
        arguments: [
            ("public.ecr.aws", UpstreamKind.ecrPublic), ("quay.io", .quay), ("registry.k8s.io", .kubernetes),
            ("registry-1.docker.io", .dockerHub), ("ghcr.io", .gitHub), ("registry.gitlab.com", .gitLab),
            ("cgr.dev", .chainguard),
            ("myregistry.azurecr.io", .azure), ("my-registry1.azurecr.io", .azure),
            ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", .ecr),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", .ecr),
        ])
    func known(host: String, kind: UpstreamKind) {
        #expect(UpstreamKind(host: host) == kind)
    }

    @Test(
        "Hosts that only look like one",
        arguments: [
            "", "docker.io", "hub.docker.com", "index.docker.io", "quay.io.evil.example", "evil-quay.io", "QUAY.IO", "quay.io.",
            "quay.io:443",
            "https://quay.io", "quay.io/x", "user@quay.io", "gcr.io", "evil.azurecr.io.attacker.com", "azurecr.io", ".azurecr.io",
            "a.b.azurecr.io", "a/b.azurecr.io", "a#.azurecr.io", "a@evil.azurecr.io", "EVIL.azurecr.io", "xazurecr.io",
            "a.azurecr.io.",
            "12345678901.dkr.ecr.eu-central-1.amazonaws.com", "123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com.cn.x", "123456789012.dkr.ecr..amazonaws.com",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.org", "x.123456789012.dkr.ecr.eu-central-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com.uk", "localhost", "169.254.169.254", "[::1]",
            String(repeating: "a", count: 64) + ".azurecr.io",
        ])
    func unknown(host: String) {
        #expect(UpstreamKind(host: host) == nil)
    }

    @Test func theKindsThatNeedASecretAreECRs() {
        #expect(
            Set(UpstreamKind.ofECR.filter(\.needsSecret))
                == [.dockerHub, .gitHub, .azure, .gitLab, .chainguard])
    }
}

@Suite struct CreationTemplateTests {
    private func template(_ prefix: String, _ scenarios: [CreationTemplate.Scenario]) throws -> CreationTemplate {
        CreationTemplate(
            prefix: try Prefix(prefix, lengths: CreationTemplate.prefixLengths), appliedFor: scenarios,
            createdAt: Timestamp(seconds: 0), updatedAt: Timestamp(seconds: 0))
    }

    @Test func theLongestPrefixMadeForTheScenarioWins() throws {
        let templates = [
            try template("ROOT", [.pullThroughCache]), try template("docker-hub", [.pullThroughCache]),
            try template("docker-hub/library", [.replication]), try template("docker-hub/library/nginx", [.createOnPush]),
        ]
        func found(_ name: String, _ scenario: CreationTemplate.Scenario) throws -> String? {
            templates.resolve(for: try RepositoryName(name), scenario)?.prefix.description
        }
        #expect(try found("docker-hub/library/nginx", .pullThroughCache) == "docker-hub")
        #expect(try found("docker-hub/library/nginx", .replication) == "docker-hub/library")
        #expect(try found("docker-hub/library/nginx", .createOnPush) == nil)
        #expect(try found("docker-hub/library/nginx/x", .createOnPush) == "docker-hub/library/nginx")
        #expect(try found("quay/x", .pullThroughCache) == "ROOT")
        #expect(try found("docker-hubs/x", .pullThroughCache) == "ROOT")
        #expect(try found("quay/x", .replication) == nil)
    }
}

@Suite struct RuleOptionsTests {
    @Test(
        "A platform without its variant takes every variant",
        arguments: [
            ("linux/arm64", "linux/arm64", true), ("linux/arm64", "linux/arm64/v8", true), ("linux/arm/v7", "linux/arm/v7", true),
            ("linux/arm/v7", "linux/arm/v6", false), ("linux/arm", "linux/arm64", false),
            ("linux/amd64", "unknown/unknown", false),
        ])
    func platforms(wanted: String, listed: String, isTaken: Bool) {
        #expect(RuleOptions.Fetch.platforms([wanted]).takes(listed) == isTaken)
        #expect(RuleOptions.Fetch.all.takes(listed) && !RuleOptions.Fetch.requested.takes(listed))
    }

    @Test func whatAListNamesWithoutAPlatformIsTaken() {
        #expect(RuleOptions.Fetch.platforms(["linux/amd64"]).takes(nil))
    }

    @Test(
        "A path prefix is a path and nothing else",
        arguments: [
            ("/a", true), ("/artifactory/api/docker/my~images", true), ("a", false), ("/", false), ("/a/", false),
            ("/a/../b", false),
            ("/a//b", false), ("/a?b", false), ("/a%2fb", false), ("/a@b", false),
        ])
    func pathPrefixes(path: String, isGood: Bool) {
        var options = RuleOptions()
        options.pathPrefix = path
        #expect((options.flaw(for: .other) == nil) == isGood)
        #expect(options.flaw(for: .quay) != nil)
    }

    @Test func anotherRegistryIsNoneOfECRs() {
        #expect(!UpstreamKind.ofECR.contains(.other) && !UpstreamKind.other.needsSecret)
    }
}
