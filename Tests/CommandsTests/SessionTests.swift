import Testing
import WeirCommands
import WeirCore
import WeirSigV4

/// Sessions of roles: what the server's STS is asked, by whom, and what becomes of its answer.
@Suite struct SessionTests {
    private static let role = "arn:aws:iam::123456789012:role/ci"

    private func resolver(_ files: [String: String] = [:], printed: String? = nil) -> CredentialResolver {
        CredentialResolver(
            contents: { path throws(CommandProblem) in files[path].map { Array($0.utf8) } },
            run: { _ throws(CommandProblem) in
                guard let printed else { throw CommandProblem("ended with 1: run it by hand to see why") }
                return Array(printed.utf8)
            }, clock: WallClock { FakeServer.now })
    }

    private func keys(_ id: String) -> CredentialSource {
        .keys(OperatorCredentials(accessKeyID: id, secret: "planted-secret", sessionToken: nil, from: .environment))
    }

    @Test func rolesAreAssumedOneByTheOther() async throws {
        let server = FakeServer()
        let first = try AssumedRole(arn: Self.role, sessionName: "ab", duration: "900", externalID: "x&y=z+", from: "the test")
        let second = try AssumedRole(arn: Self.role + "2", from: "the test")
        let resolver = resolver()
        let prepared = try resolver.prepare(.role(second, by: .role(first, by: keys("AKIABASE"))))
        #expect(server.calls.isEmpty)
        let found = try await resolver.credentials(of: prepared, at: server, in: "eu-west-1")
        #expect(found.key.accessKeyID == "ASIA-of-ASIA-of-AKIABASE" && found.key.sessionToken == FakeServer.sessionToken)
        #expect(server.calls.map(\.operation) == ["AssumeRole", "AssumeRole"])
        #expect(server.calls.map(\.accessKeyID) == ["AKIABASE", "ASIA-of-AKIABASE"])
        #expect(server.calls[0].region == "eu-west-1")
        #expect(
            server.calls[0].body
                == "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fci&RoleSessionName=ab"
                + "&DurationSeconds=900&ExternalId=x%26y%3Dz%2B")
        #expect(!server.calls[1].body.contains("DurationSeconds") && server.calls[1].body.contains("RoleSessionName=weir"))
    }

    @Test func aWebIdentityIsSentUnsigned() async throws {
        let server = FakeServer()
        let resolver = resolver(["/token": "eyJh.eyJz.c2ln\n"])
        let prepared = try resolver.prepare(.webIdentity(AssumedRole(arn: Self.role, from: "the test"), tokenFile: "/token"))
        let found = try await resolver.credentials(of: prepared, at: server, in: "us-east-1")
        #expect(found.key.accessKeyID == "ASIA-of-nobody" && found.source == .webIdentity(Self.role))
        #expect(server.calls[0].operation == "AssumeRoleWithWebIdentity" && server.calls[0].accessKeyID == nil)
        #expect(server.calls[0].body.hasSuffix("&WebIdentityToken=eyJh.eyJz.c2ln"))
    }

    @Test func aWebIdentityDoesNotGoOverAnOpenLine() async throws {
        let server = FakeServer(server: "http://registry.example", isPrivate: false)
        let resolver = resolver(["/token": "eyJh.eyJz.c2ln"])
        let prepared = try resolver.prepare(.webIdentity(AssumedRole(arn: Self.role, from: "the test"), tokenFile: "/token"))
        await #expect(throws: CommandProblem.self) { try await resolver.credentials(of: prepared, at: server, in: "us-east-1") }
        #expect(server.calls.isEmpty)
    }

    @Test(
        "A token file that holds none",
        arguments: [nil, "", "\n", "abc", "two words", "a\u{0}bcd", "tök.en.x", String(repeating: "x", count: 20_001)])
    func noToken(text: String?) throws {
        let files = text.map { ["/token": $0] } ?? [:]
        let role = try AssumedRole(arn: Self.role, from: "the test")
        let problem = #expect(throws: CommandProblem.self) {
            try resolver(files).prepare(.webIdentity(role, tokenFile: "/token"))
        }
        #expect(problem?.description.contains("'/token'") == true && problem?.description.contains("words") == false)
    }

    @Test func aProcessPrintsAKey() throws {
        let printed =
            #"{"Version": 1, "AccessKeyId": "ASIAP", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "2026-06-01T00:00:01Z"}"#
        guard case .keys(let found) = try resolver(printed: printed).prepare(.process("x", profile: "p")) else {
            throw CommandProblem("no keys")
        }
        #expect(found.key.accessKeyID == "ASIAP" && found.key.sessionToken == "t" && found.source == .process(profile: "p"))
    }

    @Test(arguments: [
        nil, "", "planted-secret", "[]", #"{"Version": 2, "AccessKeyId": "A", "SecretAccessKey": "planted-secret"}"#,
        #"{"Version": 1, "AccessKeyId": "A"}"#, #"{"Version": 1, "AccessKeyId": "", "SecretAccessKey": "planted-secret"}"#,
        #"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "planted-secret", "Expiration": "2026-06-01T00:00:00Z"}"#,
    ])
    func aProcessPrintsNone(printed: String?) {
        let problem = #expect(throws: CommandProblem.self) { try resolver(printed: printed).prepare(.process("x", profile: "p")) }
        #expect(problem?.description.contains("credential_process of the profile 'p'") == true)
        #expect(problem?.description.contains("planted") == false)
    }

    @Test(
        "A refusal is told, and nothing that was sent",
        arguments: [
            ("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: \(role)", "not authorized"),
            (
                "InvalidClientTokenId", "The security token included in the request is invalid.",
                "does not know the access key AKIABASE"
            ),
            (
                "ValidationError",
                "1 error: Value 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl' at 'webIdentityToken' failed", "(hidden)"
            ),
        ])
    func refused(code: String, message: String, told: String) async throws {
        let server = FakeServer { _ in FakeServer.queryRefusal(code, message) }
        let resolver = resolver()
        let prepared = try resolver.prepare(.role(AssumedRole(arn: Self.role, from: "the test"), by: keys("AKIABASE")))
        let problem = await #expect(throws: CommandProblem.self) {
            try await resolver.credentials(of: prepared, at: server, in: "us-east-1")
        }
        let text = problem?.description ?? ""
        #expect(text.contains(told) && text.contains(code) && !text.contains("eyJ") && !text.contains("planted"), "\(text)")
    }

    @Test(
        "An answer without keys is none",
        arguments: [JSONValue.null, [:], ["AssumeRoleResponse": ["AssumeRoleResult": ["Credentials": ["AccessKeyId": "A"]]]]])
    func noKeys(document: JSONValue) async throws {
        let server = FakeServer { _ in APIAnswer(status: 200, document: document) }
        let resolver = resolver()
        let prepared = try resolver.prepare(.role(AssumedRole(arn: Self.role, from: "the test"), by: keys("AKIABASE")))
        await #expect(throws: CommandProblem.self) { try await resolver.credentials(of: prepared, at: server, in: "us-east-1") }
    }

    @Test func whoIsWho() throws {
        let resolver = resolver(["/a": "token-a", "/b": "token-b"])
        let role = try AssumedRole(arn: Self.role, from: "the test")
        let named = try AssumedRole(arn: Self.role, sessionName: "other", from: "the test")
        func key(_ id: String, _ secret: String, _ token: String?) -> CredentialSource {
            .keys(OperatorCredentials(accessKeyID: id, secret: secret, sessionToken: token, from: .environment))
        }
        let sources: [CredentialSource] = [
            key("A", "s", nil), key("A", "s", "t"), key("A", "t", nil), key("As", "", nil), .role(role, by: key("A", "s", nil)),
            .role(named, by: key("A", "s", nil)), .role(role, by: key("B", "s", nil)),
            .role(role, by: .role(role, by: key("A", "s", nil))), .webIdentity(role, tokenFile: "/a"),
            .webIdentity(role, tokenFile: "/b"),
        ]
        let prints = try sources.map { try resolver.prepare($0).fingerprint }
        #expect(Set(prints).count == prints.count)
        #expect(prints.allSatisfy { $0.count == 64 })
    }

    @Test func whatIsSecretPrintsAsNothing() throws {
        let token = try WebIdentityToken(Array("planted.planted.planted".utf8), from: "the test")
        let request = APIRequest(query: ["Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": token.text], of: "sts")
        let password = try #require(RegistryPassword(user: "AWS", password: "planted", expiresAt: FakeServer.now))
        let answer = APIAnswer(status: 200, document: ["SecretAccessKey": "planted"])
        var shown = ""
        for value in [token, request, password, answer] as [Any] {
            dump(value, to: &shown)
            shown += "\(value) \(String(reflecting: value))"
        }
        #expect(!shown.contains("planted"))
    }
}
