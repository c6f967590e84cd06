import Testing
import WeirCore
import WeirUpstream

@Suite struct RealmTests {
    private func objection(_ realm: String, _ base: String, overridden: Bool = false, trusted: Set<String> = []) throws -> String?
    {
        let upstream = Upstream(
            host: "registry", base: try OutboundURL(base), isOverridden: overridden, trustedRealms: trusted)
        return Realm.objection(to: try OutboundURL(realm), of: upstream)
    }

    @Test(
        "Token servers that are the upstream's own",
        arguments: [
            ("https://auth.docker.io/token", "https://registry-1.docker.io"),
            ("https://AUTH.docker.io/token", "https://registry-1.docker.io"),
            ("https://gitlab.com/jwt/auth", "https://registry.gitlab.com"),
            ("https://ghcr.io/token", "https://ghcr.io"),
            ("https://public.ecr.aws/token/", "https://public.ecr.aws"),
            ("https://mine.azurecr.io/oauth2/token", "https://mine.azurecr.io"),
            ("https://docker-auth.elastic.co/auth", "https://docker.elastic.co"),
            ("https://auth.example.co.uk/t", "https://registry.example.co.uk"),
            ("https://dockerauth.cn-hangzhou.aliyuncs.com/auth", "https://registry.cn-shanghai.aliyuncs.com"),
            ("https://dockerauth.cn-hangzhou.aliyuncs.com/auth", "https://mine-registry.cn-beijing.cr.aliyuncs.com"),
            ("https://artifactory.example:443/t", "https://docker-hub.artifactory.example"),
            ("https://registry.example:5000/t", "https://registry.example:5000"),
            ("https://registry.example/t", "https://registry.example:5000"),
            ("https://registry.example/t", "http://registry.example:5000"),
            ("http://registry.example:5000/t", "http://registry.example:5000"),
        ])
    func own(realm: String, base: String) throws { #expect(try objection(realm, base) == nil) }

    @Test(
        "Token servers that are not",
        arguments: [
            ("https://evil.example/token", "https://registry-1.docker.io"),
            ("http://auth.docker.io/token", "https://registry-1.docker.io"),
            ("http://ghcr.io/token", "https://ghcr.io"),
            ("https://auth.docker.io:8443/token", "https://registry-1.docker.io"),
            ("https://auth.docker.io.evil.example/token", "https://registry-1.docker.io"),
            ("https://auth-docker.io/token", "https://registry-1.docker.io"),
            ("https://xn--docker-9ya.io/token", "https://registry-1.docker.io"),
            ("https://theirs.azurecr.io/oauth2/token", "https://mine.azurecr.io"),
            ("https://evilazurecr.io/token", "https://mine.azurecr.io"),
            ("https://other.s3.amazonaws.com/t", "https://1.dkr.ecr.us-east-1.amazonaws.com"),
            ("https://evil.oss-cn-shanghai.aliyuncs.com/auth", "https://registry.cn-shanghai.aliyuncs.com"),
            ("https://dockerauth.cn-hangzhou.aliyuncs.com/auth", "https://evil.oss-cn-shanghai.aliyuncs.com"),
            ("http://dockerauth.cn-hangzhou.aliyuncs.com/auth", "https://registry.cn-shanghai.aliyuncs.com"),
            ("https://b.github.io/t", "https://a.github.io"),
            ("https://evil.co.uk/t", "https://registry.co.uk"),
            ("https://2.dkr.ecr.cn-north-1.amazonaws.com.cn/t", "https://1.dkr.ecr.cn-north-1.amazonaws.com.cn"),
            ("https://b.s3.eu-west-1.amazonaws.com/t", "https://a.s3.eu-west-1.amazonaws.com"),
            ("https://b.blob.core.windows.net/t", "https://a.blob.core.windows.net"),
            ("https://b.gitlab.io/t", "https://a.gitlab.io"), ("https://b.workers.dev/t", "https://a.workers.dev"),
            ("https://b.readthedocs.io/t", "https://a.readthedocs.io"), ("https://b.hf.space/t", "https://a.hf.space"),
            ("https://b.ngrok-free.app/t", "https://a.ngrok-free.app"), ("https://b.codeberg.page/t", "https://a.codeberg.page"),
            ("https://x.on.aws/t", "https://y.on.aws"), ("https://b.uk.com/t", "https://a.uk.com"),
            ("https://b.police.uk/t", "https://a.police.uk"), ("https://b.eu.org/t", "https://a.eu.org"),
            ("https://evil.com.au/t", "https://registry.com.au"),
            ("https://other/t", "https://registry"),
            ("https://8.8.8.8/t", "https://registry.example"),
            ("https://8.8.8.9/t", "https://8.8.8.8"),
            ("https://169.254.169.254/t", "https://registry.example"),
            ("https://registry.example:8443/t", "https://registry.example"),
            ("https://b.localhost/t", "https://a.localhost"),
            ("https://b.svc.internal/t", "https://a.svc.internal"),
        ])
    func foreign(realm: String, base: String) throws { #expect(try objection(realm, base) != nil) }

    @Test func onTheLoopbackTheNextPortIsTheUpstreamsOwn() throws {
        #expect(try objection("http://127.0.0.1:5101/token", "http://127.0.0.1:5100/localhost", overridden: true) == nil)
        #expect(try objection("http://127.0.0.1:5101/token", "https://127.0.0.1:5100/localhost", overridden: true) == nil)
        #expect(try objection("http://127.0.0.2:5101/token", "http://127.0.0.1:5100/", overridden: true) != nil)
        #expect(try objection("http://10.0.0.5:5101/token", "https://10.0.0.5:5100/", overridden: true) != nil)
        #expect(try objection("http://10.0.0.5:5101/token", "http://10.0.0.5:5100/", overridden: true) == nil)
    }

    @Test func theOperatorMayNameAnother() throws {
        #expect(
            try objection("https://sso.corp.example/t", "https://registry.vendor.example", trusted: ["sso.corp.example"]) == nil)
        #expect(
            try objection("http://sso.corp.example/t", "https://registry.vendor.example", trusted: ["sso.corp.example"]) != nil)
    }

    @Test(
        "Retry-After in its forms, and moments that are no seconds (D 30)",
        arguments: [
            ("0", 0), ("17", 17), (" 17 ", 17), ("999999999999999999999", 3_600), ("172800", 3_600),
            ("Fri, 15 Jan 2027 08:00:30 GMT", 30), ("Fri, 15 Jan 2027 07:59:00 GMT", 0), ("Sun, 15 Jan 2034 08:00:30 GMT", 3_600),
            ("Friday, 15-Jan-27 08:00:30 GMT", 30), ("Sunday, 06-Nov-94 08:49:37 GMT", 0), ("Fri Jan 15 08:00:30 2027", 30),
            ("Sun Nov  6 08:49:37 1994", 0), ("1800000017", 17), ("1746136938", 0), ("1800000017000", 17), ("1900000000", 3_600),
            ("31536000", 0), ("31535999", 3_600), ("253402300800", 3_600), ("9223372036854775807", 3_600),
        ])
    func retryAfter(header: String, seconds: Int64) {
        #expect(RetryAfter.parse(header, now: Timestamp(seconds: 1_800_000_000)) == .seconds(seconds))
    }

    @Test(
        "Retry-After that says nothing",
        arguments: [
            "", "-1", "soon", "1.5", "Fri, 32 Jan 2027 08:00:30 GMT", "15 Jan 2027", "Friday, 15-Jan-127 08:00:30 GMT",
            "985.86µs", "Fri Jan 15 08:00:30 +2027x",
        ])
    func noRetryAfter(header: String) {
        #expect(RetryAfter.parse(header, now: Timestamp(seconds: 1_800_000_000)) == nil)
    }

    @Test("Content-Range that makes sense", arguments: [("bytes 5-9/10", 10 as Int64?), ("Bytes  5-9/*", nil)])
    func contentRange(header: String, size: Int64?) throws {
        let range = try #require(ContentRange(header))
        #expect(range.range == 5..<10 && range.count == 5 && range.size == size)
    }

    @Test(
        "Content-Range that does not",
        arguments: [
            "", "bytes", "bytes */10", "bytes 9-5/10", "bytes 5-10/10", "bytes -5-9/10", "bytes 5-9", "items 5-9/10",
            "bytes 5-9/99999999999999999999", "bytes 5-9/10/11", "bytes +5-9/10",
            // Numbers that fit into 64 bits, but with which arithmetic would overflow.
            "bytes 0-9223372036854775807/*", "bytes 0-9223372036854775806/9223372036854775807", "bytes 0-9223372036854775806/*",
            "bytes 9223372036854775807-9223372036854775807/*", "bytes 5-9/9223372036854775807", "bytes 5-9/9007199254740993",
            "bytes 0-9007199254740992/*", "bytes 0-0/0", "bytes 0-", "bytes -", "bytes 0--1/2", "bytes 0-0/", "bytes 0-0/**",

        ])
    func noContentRange(header: String) { #expect(ContentRange(header) == nil) }

    @Test func settingsTellAllThatIsWrongWithThem() throws {
        let settings = UpstreamSettings(
            overrides: ["a": "nonsense", "b": "http://u:p@x/", "c": "http://x/?y"], additionalTrustRoots: "/nowhere.pem")
        #expect(settings.problems.count == 4)
        #expect(!settings.problems.joined().contains("u:p"))
        #expect(throws: UpstreamSettingsError.self) {
            try RegistryClient(settings: settings, clock: TestClock().clock, eventLoopGroup: testGroup)
        }
    }
}
