import Testing
import WeirCommands
import WeirCore

/// docker's credential helper protocol: actions and inputs to outputs.
@Suite struct CredentialHelperTests {
    private static let none = "credentials not found in native keychain\n"

    private func secret(_ answer: HelperAnswer) -> JSONValue? { try? JSONValue(parsing: answer.output.utf8) }

    // MARK: Hosts

    @Test(arguments: [
        "registry.example", "registry.example\n", "registry.example\r\n", "https://registry.example", "https://registry.example/",
        "http://registry.example/v1/", "registry.example/v2/",
    ])
    func aHostOfOurs(input: String) async {
        let server = FakeServer()
        let answer = await FakeMachine().help("get", input, server)
        #expect(
            answer.isSuccess
                && secret(answer) == ["ServerURL": "registry.example", "Username": "AWS", "Secret": .string(FakeServer.password)])
        #expect(server.calls.map(\.operation) == ["GetAuthorizationToken"] && server.calls[0].accessKeyID == "AKIAENV")
    }

    @Test func aPortIsPartOfTheName() async {
        let answer = await FakeMachine().help("get", "registry.example:5050")
        #expect(secret(answer)?["ServerURL"] == "registry.example:5050")
    }

    @Test(
        "Whatever is not exactly a configured host has no credentials, and no server is asked",
        arguments: [
            "", "\n", "other.example", "registry.example:443", "registry.example:5051", "registry.example:",
            "registry.example:05050",
            "Registry.example", "REGISTRY.EXAMPLE", "registry.example.", "registry.example.other.example", "xregistry.example",
            "user@registry.example", "user:pass@registry.example", "https://user:pass@registry.example/",
            "other.example\nregistry.example", "registry.example\nother.example", "registry.example\rother.example",
            "registry.example\u{0}", "registry.example\u{0}other.example", " registry.example", "registry.example ",
            "registry.example\n\n", "registry.exämple", "registry.example\u{301}", "xn--registry-example", "registry%2eexample",
            "registry.example/other", "registry.example/../other.example", "other.example/registry.example",
            "https://other.example/registry.example", "https://https://registry.example", "ftp://registry.example",
            "//registry.example",
            "registry.example?x", "registry.example#x", "registry.example\\@other.example", "host=registry.example", "127.0.0.1",
            String(repeating: "registry.example", count: 100),
        ])
    func anyOther(input: String) async {
        let server = FakeServer()
        let answer = await FakeMachine().help("get", input, server)
        #expect(answer == HelperAnswer(output: Self.none, isSuccess: false))
        #expect(server.calls.isEmpty)
    }

    @Test func bytesThatAreNoText() async {
        for input: [UInt8] in [[0xff, 0xfe], [0xc0, 0x80], Array("registry.example".utf8) + [0xe2, 0x80, 0x8b]] {
            #expect(await FakeMachine().help("get", input).output == Self.none)
        }
    }

    // MARK: Other actions

    @Test(
        "store and erase succeed and do nothing, whatever they are given", arguments: ["store", "erase"],
        ["", "registry.example", #"{"ServerURL":"registry.example","Username":"AWS","Secret":"planted"}"#, "\u{0}"])
    func nothing(action: String, input: String) async {
        let server = FakeServer()
        var machine = FakeMachine()
        machine.environment = ["WEIR_HOSTS": "not a=host"]
        #expect(await machine.help(action, input, server) == HelperAnswer(output: ""))
        #expect(server.calls.isEmpty)
    }

    @Test func theList() async {
        #expect(
            await FakeMachine().help("list", "").output == #"{"registry.example":"AWS","registry.example:5050":"AWS"}"# + "\n")
        var machine = FakeMachine()
        machine.environment = [:]
        #expect(await machine.help("list", "").output == "{}\n")
    }

    @Test(arguments: ["", "GET", "get ", "version\u{1b}[2J"]) func noSuchAction(action: String) async {
        let answer = await FakeMachine().help(action, "registry.example")
        #expect(!answer.isSuccess && answer.output.hasPrefix("unknown action ") && !answer.output.contains("\u{1b}"))
    }

    @Test(arguments: [
        (["/usr/bin/docker-credential-weir", "get"], ["credential-helper", "get"]),
        (["docker-credential-weir"], ["credential-helper"]),
        (["weir", "rules"], ["rules"]), (["/x/weir", "docker-credential-weir"], ["docker-credential-weir"]), ([], []),
    ])
    func theProgramsName(arguments: [String], words: [String]) { #expect(OperatorCommands.words(of: arguments) == words) }

    // MARK: Which hosts there are

    private static let file = """
        {"hosts": {
            "registry.example": {"endpoint": "https://api.example:8443", "region": "eu-west-1", "ca": "/ca.crt", "profile": "ci",
                "credentials": "/etc/weir/credentials"},
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com": {"endpoint": "https://registry.example"},
            "[::1]:5050": {"endpoint": "http://[::1]:5050"}, "plain.example": {}
        }}
        """

    private func hosts(_ environment: [String: String], files: [String: String] = [:], file: String? = nil) throws
        -> RegistryHosts
    {
        try RegistryHosts(file: file, environment) { path throws(CommandProblem) in files[path].map { Array($0.utf8) } }
    }

    @Test(arguments: [
        (["HOME": "/h"], "/h/.config/weir/hosts.json"), (["HOME": "/h", "XDG_CONFIG_HOME": "/c"], "/c/weir/hosts.json"),
        ([:], "/etc/weir/hosts.json"), (["HOME": "/h"], "/etc/weir/hosts.json"), (["WEIR_HOSTS_FILE": "/x"], "/x"),
    ])
    func theFile(environment: [String: String], path: String) throws {
        let found = try hosts(environment, files: [path: Self.file])
        #expect(found.all.count == 4)
        let host = try #require(found["registry.example"])
        #expect(host.endpoint == "https://api.example:8443" && host.region == "eu-west-1" && host.authority == "/ca.crt")
        #expect(host.profile == "ci" && host.credentialsFile == "/etc/weir/credentials" && host.account == nil)
        #expect(found["plain.example"]?.endpoint == "https://plain.example" && found["[::1]:5050"] != nil)
        let ecr = try #require(found["123456789012.dkr.ecr.eu-central-1.amazonaws.com"])
        #expect(ecr.account == "123456789012" && ecr.region == "eu-central-1" && ecr.endpoint == "https://registry.example")
    }

    @Test func whatAWSsToolsAreTold() throws {
        let found = try hosts([
            "AWS_ENDPOINT_URL": "http://localhost:5050/", "WEIR_HOSTS": "a.example, b.example=https://c.example:1",
        ])
        #expect(found.all.map(\.name) == ["a.example", "b.example", "localhost:5050"])
        #expect(found.all.map(\.endpoint) == ["http://localhost:5050/", "https://c.example:1", "http://localhost:5050/"])
        #expect(
            try hosts(["AWS_ENDPOINT_URL": "https://x.example", "AWS_ENDPOINT_URL_ECR": "https://y.example"]).all.map(\.name) == [
                "y.example"
            ])
    }

    @Test("An ECR name that is not configured is a host of others") func ecrNames() async {
        let server = FakeServer()
        var machine = FakeMachine()
        machine.environment["AWS_ENDPOINT_URL_ECR"] = "https://registry.example"
        #expect(await machine.help("get", "123456789012.dkr.ecr.us-east-1.amazonaws.com", server).output == Self.none)
        machine.environment["WEIR_HOSTS"] =
            "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com 123456789012.dkr-ecr.eu-west-1.on.aws"
        #expect(await machine.help("get", "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com", server).isSuccess)
        #expect(await machine.help("get", "123456789012.dkr-ecr.eu-west-1.on.aws", server).isSuccess)
        #expect(server.calls.map(\.region) == ["ap-northeast-1", "eu-west-1"])
        #expect(server.calls.allSatisfy { $0.body == #"{"registryIds":["123456789012"]}"# })
    }

    @Test func eachHostHasItsOwnKey() async {
        let server = FakeServer()
        var machine = FakeMachine()
        machine.environment["WEIR_HOSTS_FILE"] = "/x"
        machine.files["/x"] = """
            {"hosts": {"a.example": {"credentials": "/a", "region": "eu-west-1"}, "b.example": {"profile": "b"}, "c.example": {}}}
            """
        machine.files["/a"] = "[default]\naws_access_key_id = AKIAA\naws_secret_access_key = s\n"
        machine.files["/h/.aws/credentials"] = "[b]\naws_access_key_id = AKIAB\naws_secret_access_key = s\nregion = eu-north-1\n"
        machine.environment["HOME"] = "/h"
        for host in ["a", "b", "c"] { #expect(await machine.help("get", "\(host).example", server).isSuccess) }
        #expect(server.calls.map(\.accessKeyID) == ["AKIAA", "AKIAB", "AKIAENV"])
        #expect(server.calls.map(\.region) == ["eu-west-1", "eu-north-1", "us-east-1"])
        machine.files["/a"] = nil
        #expect(await !machine.help("get", "a.example", server).isSuccess)
    }

    @Test(
        "A file of hosts that is not understood",
        arguments: [
            "", "[]", "{}", #"{"hosts": []}"#, #"{"host": {}}"#, #"{"hosts": {}, "more": 1}"#, #"{"hosts": {"a.example": null}}"#,
            #"{"hosts": {"a.example": {"endpont": "https://a.example"}}}"#, #"{"hosts": {"a.example": {"region": 1}}}"#,
            #"{"hosts": {"a.example": {"endpoint": "a.example"}}}"#,
            #"{"hosts": {"a.example": {"endpoint": "https://u@a.example"}}}"#,
            #"{"hosts": {"A.example": {}}}"#, #"{"hosts": {"a.example.": {}}}"#, #"{"hosts": {"a.example/x": {}}}"#,
            #"{"hosts": {"*.example": {}}}"#, #"{"hosts": {"a.example:0": {}}}"#, #"{"hosts": {"a.example:99999": {}}}"#,
            #"{"hosts": {"": {}}}"#, #"{"hosts": {"a\nb": {}}}"#, #"{"hosts": {"u@a.example": {}}}"#,
        ])
    func wrongFile(text: String) async {
        var machine = FakeMachine()
        machine.environment["WEIR_HOSTS_FILE"] = "/x"
        machine.files["/x"] = text
        let answer = await machine.help("get", "a.example")
        #expect(!answer.isSuccess && answer.output.contains("'/x'") && answer.output.hasSuffix("\n"), "\(answer.output)")
        #expect(answer.output.count(where: { $0 == "\n" }) == 1)
    }

    @Test func aNamedFileMustBeThere() {
        #expect(throws: CommandProblem.self) { try hosts(["WEIR_HOSTS_FILE": "/gone"]) }
        #expect(throws: CommandProblem.self) { try hosts([:], file: "/gone") }
    }

    // MARK: Failures

    private static let planted = [
        "planted", FakeServer.password, FakeServer.sessionSecret, FakeServer.sessionToken, "eyJ",
    ]
    private static let profile = """
        [profile ci]
        role_arn = arn:aws:iam::123456789012:role/ci
        source_profile = base
        [profile base]
        aws_access_key_id = AKIABASE
        aws_secret_access_key = planted-base-secret
        aws_session_token = planted-base-token
        [profile web]
        role_arn = arn:aws:iam::123456789012:role/ci
        web_identity_token_file = /token
        [profile process]
        credential_process = print
        """
    private static let webToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.planted"

    /// What a server may answer instead of what is wanted, repeating all that it was sent.
    private static let answers: [FakeServer.Answers] = [
        { call in FakeServer.queryRefusal("AccessDenied", "no: \(call.body) \(call.sessionToken ?? "")") },
        { call in FakeServer.refusal("AccessDeniedException", "no: \(call.sessionToken ?? "") \(webToken)") },
        { call in
            call.operation == "GetAuthorizationToken" ? FakeServer.refusal("X", call.sessionToken ?? "") : FakeServer.well(call)
        },
        { call in
            call.operation == "GetAuthorizationToken"
                ? FakeServer.token(lasting: 60, text: FakeServer.base64("AWS\(FakeServer.password)")) : FakeServer.well(call)
        },
        { call in
            call.operation == "GetAuthorizationToken"
                ? FakeServer.token(lasting: 60, text: FakeServer.base64("AWS:\(FakeServer.password)\r\nX-Evil: 1"))
                : FakeServer.well(call)
        },
        { _ in APIAnswer(status: 200, document: ["AssumeRoleResponse": .string(FakeServer.sessionSecret)]) },
        { _ in throw CommandProblem("the server at https://registry.example cannot be asked: connection refused. Is it running?")
        },
        { call in
            FakeServer.refusal(
                "ExpiredTokenException", "The security token included in the request is expired \(call.sessionToken ?? "")")
        },
        { call in FakeServer.refusal("InvalidSignatureException", "Signature expired: \(call.sessionToken ?? "") \(webToken)") },
    ]

    @Test("No failure tells a secret", arguments: ["ci", "base", "web", "process"], answers.indices)
    func failures(profile: String, index: Int) async {
        var machine = FakeMachine()
        machine.environment = [
            "AWS_PROFILE": profile, "AWS_CONFIG_FILE": "/config", "HOME": "/h", "WEIR_HOSTS": "registry.example",
        ]
        machine.files = ["/config": Self.profile, "/token": Self.webToken]
        machine.printed["print"] =
            #"{"Version": 1, "AccessKeyId": "ASIAP", "SecretAccessKey": "planted-p", "SessionToken": "planted-pt"}"#
        let server = FakeServer(Self.answers[index])
        let helped = await machine.help("get", "registry.example", server)
        let request: JSONValue = [
            "kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
            "image": "registry.example/a:1",
        ]
        let provided = await machine.provide(request, server)
        // The key alone can do what the first failures are about.
        guard !helped.isSuccess || !provided.isSuccess else { return }
        #expect(!helped.isSuccess && !provided.isSuccess)
        let shown = helped.output + helped.remark + provided.output + provided.remark
        for secret in Self.planted { #expect(!shown.contains(secret), "\(shown)") }
        #expect(helped.output.count(where: { $0 == "\n" }) == 1)
    }

    @Test func noCredentialsAtAll() async {
        var machine = FakeMachine()
        machine.environment = ["WEIR_HOSTS": "registry.example", "HOME": "/h"]
        let answer = await machine.help("get", "registry.example")
        #expect(!answer.isSuccess && answer.output.hasPrefix("no access key: ") && answer.output.contains("AWS_ACCESS_KEY_ID"))
    }
}
