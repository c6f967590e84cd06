import Testing
import WeirCommands
import WeirSigV4
import WeirUpstream

/// Which server a command calls, with which key, and what it says where that fails.
@Suite struct SpeakingTests {
    private static let own = "[default]\naws_access_key_id = AKIAOWN\naws_secret_access_key = own-secret\nregion = eu-west-1\n"
    private static let shared =
        "# made by hand\n[ default ]\naws_access_key_id=AKIASHARED\naws_secret_access_key=shared-secret\n\n"
        + "[work]\naws_access_key_id =  AKIAWORK \naws_secret_access_key = work-secret\naws_session_token = work-token\n"
    private static let files = ["data/credentials": own, "/shared": shared, "/home/me/.aws/credentials": shared]

    private static func find(
        _ environment: [String: String], named: Bool = false, files: [String: String] = files
    ) throws -> (credentials: OperatorCredentials, region: String?) {
        let found = try CredentialPlaces(environment: environment, folder: "data", isFolderNamed: named)
            .find { path throws(CommandProblem) in files[path].map { Array($0.utf8) } }
        guard case .keys(let credentials) = found.source else { throw CommandProblem("these are no static keys") }
        return (credentials, found.region)
    }

    private static let inEnvironment = ["AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "env-secret"]

    struct Case: Sendable {
        let environment: [String: String]
        var named = false
        var files = SpeakingTests.files
        let key: String
        let source: OperatorCredentials.Source
    }

    @Test(arguments: [
        Case(environment: inEnvironment, key: "AKIAENV", source: .environment),
        Case(environment: inEnvironment, named: true, key: "AKIAOWN", source: .file("data/credentials", profile: "default")),
        Case(environment: [:], key: "AKIAOWN", source: .file("data/credentials", profile: "default")),
        Case(
            environment: ["AWS_SHARED_CREDENTIALS_FILE": "/shared"], key: "AKIASHARED",
            source: .file("/shared", profile: "default")),
        Case(
            environment: ["AWS_SHARED_CREDENTIALS_FILE": "/shared", "AWS_PROFILE": "work"], key: "AKIAWORK",
            source: .file("/shared", profile: "work")),
        // An empty profile counts as none.
        Case(
            environment: ["AWS_SHARED_CREDENTIALS_FILE": "/shared", "AWS_PROFILE": ""], key: "AKIASHARED",
            source: .file("/shared", profile: "default")),
        Case(
            environment: ["HOME": "/home/me"], files: ["/home/me/.aws/credentials": shared], key: "AKIASHARED",
            source: .file("/home/me/.aws/credentials", profile: "default")),
    ])
    func theKeyAndWhereItCameFrom(example: Case) throws {
        let found = try Self.find(example.environment, named: example.named, files: example.files)
        #expect(found.credentials.key.accessKeyID == example.key)
        #expect(found.credentials.source == example.source)
    }

    @Test func aProfileBringsAllItsParts() throws {
        let found = try Self.find(["AWS_SHARED_CREDENTIALS_FILE": "/shared", "AWS_PROFILE": "work"])
        let key = found.credentials.key
        #expect(key.secret == Array("work-secret".utf8) && key.sessionToken == "work-token" && found.region == nil)
        #expect(try Self.find([:]).region == "eu-west-1")
    }

    @Test func noKeyAtAll() {
        let problem = #expect(throws: CommandProblem.self) {
            try Self.find(
                ["AWS_SHARED_CREDENTIALS_FILE": "/shared", "AWS_PROFILE": "gone", "HOME": "/root"],
                files: ["/shared": Self.shared])
        }
        for part in ["no access key", "'data/credentials'", "'gone' in '/shared'", "--data", "AWS_ACCESS_KEY_ID"] {
            #expect(problem?.description.contains(part) == true, "\(part)")
        }
    }

    @Test func aFileThatCannotBeReadIsNotPassedOver() {
        let unreadable = CommandProblem("'/shared' cannot be read: Permission denied")
        #expect(throws: unreadable) {
            try CredentialPlaces(environment: ["AWS_SHARED_CREDENTIALS_FILE": "/shared"], folder: "data").find {
                path throws(CommandProblem) in
                if path == "/shared" { throw unreadable }
                return Array(Self.own.utf8)
            }
        }
    }

    // MARK: The server refuses the key

    @Test(
        "Which key it was is said, and what it knows of it",
        arguments: ["UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch"],
        [
            inEnvironment, ["AWS_SHARED_CREDENTIALS_FILE": "/shared"],
            ["AWS_SHARED_CREDENTIALS_FILE": "/shared", "AWS_PROFILE": "work"],
        ])
    func refused(code: String, environment: [String: String]) throws {
        let credentials = try Self.find(environment).credentials
        let text = try #require(credentials.explanation(of: code, "some words", by: "http://h:1"))
        #expect(
            text.contains(credentials.key.accessKeyID) && text.contains("http://h:1") && text.contains("--data")
                && text.contains(code))
        switch credentials.source {
        case .environment: #expect(text.contains("unset AWS_ACCESS_KEY_ID"))
        case .file(let path, let profile):
            #expect(text.contains("'\(path)'") && (profile == "default") != text.contains("'\(profile)'"))
        case .process, .role, .webIdentity: Issue.record("These are no static keys.")
        }
        for secret in ["env-secret", "shared-secret", "work-secret", "work-token"] { #expect(!text.contains(secret)) }
    }

    @Test func aClockThatIsWrongIsNoWrongSecret() throws {
        let text = try #require(
            Self.find([:]).credentials.explanation(
                of: "InvalidSignatureException", "Signature expired: 1 is now earlier than 2", by: "http://h"))
        #expect(text.contains("clocks") && text.contains("Signature expired") && !text.contains("another one"))
    }

    @Test func otherAnswersSpeakForThemselves() throws {
        #expect(try Self.find([:]).credentials.explanation(of: "AccessDeniedException", "no", by: "http://h") == nil)
    }

    // MARK: No server answers

    /// nginx and Weir itself answer 400 to plain HTTP at a port of TLS.
    @Test(arguments: [
        ("http", 400, "--endpoint https://h:1"), ("https", 400, "--endpoint names"), ("http", 200, "--endpoint names"),
    ])
    func somebodyElse(scheme: String, status: UInt, next: String) {
        let problem = ServerAdvice(server: "\(scheme)://h:1", scheme: scheme, host: "h:1").isNoWeir(status: status)
        #expect(problem.description.hasPrefix("what answers at \(scheme)://h:1 is no Weir (status \(status)). "))
        #expect(problem.description.contains(next))
    }

    @Test(
        "Whatever a server fails of: what happened, and what to do next",
        arguments: [
            (ConnectionFailure.Cause.name, "https", "--endpoint"), (.connection, "http", "Is it running?"),
            (.speaksNoTLS, "https", "--endpoint http://h:1"), (.untrusted, "https", "--ca"), (.otherName, "https", "--endpoint"),
            (.closed, "http", "--endpoint https://h:1"), (.closed, "https", "--endpoint"), (.other, "http", "--endpoint"),
        ])
    func advice(cause: ConnectionFailure.Cause, scheme: String, next: String) {
        let advice = ServerAdvice(server: "\(scheme)://h:1", scheme: scheme, host: "h:1")
        let text = advice.problem(ConnectionFailure(cause, "so it is")).description
        #expect(text.hasPrefix("the server at \(scheme)://h:1 cannot be asked: so it is. ") && text.contains(next))
    }
}
