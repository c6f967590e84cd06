import NIOCore
import Testing
import WeirCore
import WeirSigV4
import WeirUpstream

/// A private ECR registry as the upstream.
@Suite struct ECRTests {
    private static let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    private static let keys = UpstreamCredential(username: "AKIAEXAMPLE", accessToken: "planted-secret")

    private func settings(_ url: String) -> UpstreamSettings { .reaching(url, host: Self.host) }

    private static let home = "111122223333"

    private func source(
        as credential: UpstreamCredential? = keys, role: String? = nil, owner: String = "rule", account: String = home
    ) -> UpstreamSource {
        UpstreamSource(
            host: Self.host, repository: "app", credential: credential, owner: owner, kind: .ecr, roleARN: role,
            account: try? AccountID(account))
    }

    /// A server with AWS keys of its own, for its home account.
    private func settings(ofSomebody url: String) throws -> UpstreamSettings {
        var settings = settings(url)
        settings.awsIdentity = AWSKeys(accessKeyID: "AKIASERVER", secretAccessKey: "planted-secret")
        settings.awsIdentityAccounts = [try AccountID(Self.home)]
        return settings
    }

    /// A registry with its services at one address, as a Weir has them.
    private static func answer(_ request: SeenRequest, expires: Int64, accepts: String = "planted-token") -> Reply {
        answer(request, expires: "\(expires).5", accepts: accepts)
    }

    private static func answer(_ request: SeenRequest, expires: String, accepts: String = "planted-token") -> Reply {
        if request.method == "POST" {
            guard request.header("x-amz-target") == nil else {
                return Reply(
                    200, [("Content-Type", "application/x-amz-json-1.1")],
                    #"{"authorizationData":[{"authorizationToken":"planted-token","expiresAt":\#(expires),"proxyEndpoint":"https://x"}]}"#
                )
            }
            return Reply(
                200, [("Content-Type", "text/xml")],
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>"
                    + "<SecretAccessKey>planted-secret-2</SecretAccessKey><SessionToken>planted-token-2</SessionToken>"
                    + "<Expiration>2027-01-15T09:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>")
        }
        return request.header("authorization") == "Basic \(accepts)"
            ? .json(someManifest) : .challenge(#"Basic realm="https://x/",service="ecr.amazonaws.com""#)
    }

    @Test("An end that is no moment", arguments: ["1e300", "-1e300", "1e13", "9.3e18", "-1", "0"])
    func endsThatAreNone(expires: String) async throws {
        let server = try await RudeServer { Self.answer($0, expires: expires) }
        try await withClient(settings(server.url)) { client in
            for _ in 0..<2 { _ = try await client.manifest(.latest, in: source()) }
        }
        // Held for half a day at most, and not at all where it has ended.
        #expect((1...2).contains(server.requests.count { $0.method == "POST" }))
    }

    @Test func thePasswordComesFromASignedCallAndIsKept() async throws {
        let clock = TestClock()
        let end = clock.clock.now.microseconds / 1_000_000 + 12 * 3600
        let server = try await RudeServer { Self.answer($0, expires: end) }
        try await withClient(settings(server.url), clock: clock) { client in
            for _ in 0..<3 { _ = try await client.manifest(.latest, in: source()) }
            let calls = server.requests.filter { $0.method == "POST" }
            #expect(calls.count == 1)
            let call = try #require(calls.first)
            #expect(call.header("x-amz-target") == "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
            let signed = SignableRequest(
                method: "POST", rawPath: "/", rawQuery: "", headers: call.headers.map { (name: $0.name, value: $0.value) })
            let claim = try #require(try SigV4.claim(of: signed))
            #expect(claim.accessKeyID == "AKIAEXAMPLE")
            #expect(claim.scope.region == "eu-west-1" && claim.scope.service == "ecr")
            let hash = SigV4.payloadHash(#"{"registryIds":["123456789012"]}"#.utf8)
            #expect(SigV4.verify(claim, request: signed, payloadHash: hash, secret: Array("planted-secret".utf8)))
            #expect(
                server.requests.filter { $0.method == "GET" }.allSatisfy { $0.header("authorization") == "Basic planted-token" })
            // Renewed shortly before it ends.
            clock.advance(seconds: 12 * 3600 - 60)
            _ = try await client.manifest(.latest, in: source())
            #expect(server.requests.filter { $0.method == "POST" }.count == 2)
        }
    }

    @Test func manyPullsAskForOnePassword() async throws {
        let server = try await RudeServer { Self.answer($0, expires: 1_900_000_000) }
        try await withClient(settings(server.url)) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 { group.addTask { _ = try await client.manifest(.latest, in: source()) } }
                try await group.waitForAll()
            }
        }
        #expect(server.requests.filter { $0.method == "POST" }.count == 1)
    }

    @Test func aRoleIsTakenOnFirst() async throws {
        let server = try await RudeServer { Self.answer($0, expires: 1_900_000_000) }
        try await withClient(settings(ofSomebody: server.url)) { client in
            _ = try await client.manifest(
                .latest, in: source(as: nil, role: "arn:aws:iam::123456789012:role/pull through"))
        }
        let calls = server.requests.filter { $0.method == "POST" }
        #expect(calls.count == 2)
        #expect(calls.first?.header("authorization")?.contains("Credential=AKIASERVER/") == true)
        #expect(calls.first?.header("authorization")?.contains("/eu-west-1/sts/aws4_request") == true)
        #expect(calls.last?.header("authorization")?.contains("Credential=ASIAROLE/") == true)
        #expect(calls.last?.header("x-amz-security-token") == "planted-token-2")
    }

    @Test(arguments: [nil, "arn:aws:iam::444455556666:role/puller"])
    func theServersOwnNameIsForItsHomeAccount(role: String?) async throws {
        let server = try await RudeServer { Self.answer($0, expires: 1_900_000_000) }
        var settings = try settings(ofSomebody: server.url)
        try await withClient(settings) { client in
            let error = await refusal(.denied) {
                _ = try await client.manifest(.latest, in: source(as: nil, role: role, account: "444455556666"))
            }
            #expect(error?.step == .login)
            #expect(error?.detail.contains("--upstream-identity-account 444455556666") == true)
            #expect(server.requests.isEmpty)
            // The token of the home account is not used for another account.
            _ = try await client.manifest(.latest, in: source(as: nil))
            _ = await refusal(.denied) {
                _ = try await client.manifest(.latest, in: source(as: nil, role: role, account: "444455556666"))
            }
            // Keys in the rule's secret serve any account.
            _ = try await client.manifest(.latest, in: source(role: role, account: "444455556666"))
        }
        settings.awsIdentityAccounts.insert(try AccountID("444455556666"))
        try await withClient(settings) { client in
            _ = try await client.manifest(.latest, in: source(as: nil, role: role, account: "444455556666"))
        }
    }

    @Test func withoutAnyNameItIsSaidWhatIsNeeded() async throws {
        let server = try await RudeServer { Self.answer($0, expires: 1_900_000_000) }
        try await withClient(settings(server.url)) { client in
            let error = await refusal(.denied) { _ = try await client.manifest(.latest, in: source(as: nil)) }
            #expect(error?.step == .login)
            #expect(error?.detail.contains("AWS_ACCESS_KEY_ID") == true)
        }
        #expect(server.requests.isEmpty)
    }

    @Test func aPasswordInTheSecretIsSentAsItIs() async throws {
        let server = try await RudeServer { _ in .challenge(#"Basic realm="r""#) }
        try await withClient(settings(server.url)) { client in
            _ = await refusal(.denied) {
                _ = try await client.manifest(
                    .latest, in: source(as: UpstreamCredential(username: "AWS", accessToken: "planted-secret")))
            }
        }
        #expect(server.requests.allSatisfy { $0.method == "GET" })
    }

    @Test func refusedKeysAreALoginThatFailed() async throws {
        let server = try await RudeServer { _ in
            Reply(400, [("Content-Type", "application/x-amz-json-1.1")], #"{"__type":"UnrecognizedClientException"}"#)
        }
        try await withClient(settings(server.url)) { client in
            let error = await refusal(.denied) { _ = try await client.manifest(.latest, in: source()) }
            #expect(error?.step == .login && error?.host == Self.host)
            _ = await refusal(.denied) { try await client.check(source()) }
        }
    }

    @Test func aPasswordThatHasEndedIsForbiddenAndReplaced() async throws {
        let given = Switch(0)
        let server = try await RudeServer { request in
            if request.method == "POST" {
                given.now += 1
                return .json(
                    #"{"authorizationData":[{"authorizationToken":"planted-token-\#(given.now)","expiresAt":1900000000}]}"#)
            }
            return request.header("authorization") == "Basic planted-token-2" ? .json(someManifest) : Reply(403)
        }
        try await withClient(settings(server.url)) { client in
            // A fresh password that is refused is refused for good.
            _ = await refusal(.denied) { _ = try await client.manifest(.latest, in: source()) }
            #expect(given.now == 1)
            _ = try await client.manifest(.latest, in: source())
            #expect(given.now == 2)
        }
    }

    @Test func aPasswordThatIsRefusedIsAskedForOnceMore() async throws {
        let accepted = Switch(1)
        let server = try await RudeServer { request in
            Self.answer(request, expires: 1_900_000_000, accepts: accepted.now == 1 ? "planted-token" : "another")
        }
        try await withClient(settings(server.url)) { client in
            _ = try await client.manifest(.latest, in: source())
            accepted.now = 0
            for _ in 0..<2 { _ = await refusal(.denied) { _ = try await client.manifest(.latest, in: source()) } }
        }
        // At first, after the held one was refused, and once more at the next pull: never in a circle.
        #expect(server.requests.filter { $0.method == "POST" }.count <= 3)
    }

    @Test func aHostThatOnlyLooksLikeECRGetsNoSignature() async throws {
        for host in ["123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example", "x.dkr.ecr.eu-west-1.amazonaws.com"] {
            let server = try await RudeServer { _ in .json(someManifest) }
            try await withClient(.reaching(server.url, host: host)) { client in
                _ = try? await client.manifest(
                    .latest, in: UpstreamSource(host: host, repository: "app", credential: Self.keys, owner: "rule"))
            }
            #expect(server.requests.allSatisfy { $0.method == "GET" }, "\(host)")
        }
    }
}
