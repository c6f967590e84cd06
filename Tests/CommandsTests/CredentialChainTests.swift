import Testing
import WeirCommands
import WeirCore
import WeirSigV4

/// Where a command's credentials come from: the order of the SDKs, profiles that lead to others, and what is set up wrongly.
@Suite struct CredentialChainTests {
    private static let role = "arn:aws:iam::123456789012:role/ci"
    private static let credentials = """
        [default]
        aws_access_key_id = AKIADEFAULT
        aws_secret_access_key = default-secret
        [base]
        aws_access_key_id = AKIABASE
        aws_secret_access_key = base-secret
        [half]
        aws_access_key_id = AKIAHALF
        """
    private static let config = """
        [default]
        region = eu-west-1
        s3 =
            aws_access_key_id = AKIANESTED
            max_concurrent_requests = 20
        [profile ci]
        role_arn = \(role)
        source_profile = base
        role_session_name = job-7
        duration_seconds = 900
        external_id = from-outside
        region = eu-central-1
        [profile next]
        role_arn = arn:aws:iam::123456789012:role/next
        source_profile = ci
        [profile "with a name"]
        aws_access_key_id = AKIANAMED
        aws_secret_access_key = named-secret
        [profile own]
        role_arn = \(role)
        source_profile = own
        aws_access_key_id = AKIAITSOWN
        aws_secret_access_key = own-secret
        [profile process]
        credential_process = print-a-key
        [profile pod]
        role_arn = \(role)
        web_identity_token_file = /var/token
        [profile environment]
        role_arn = \(role)
        credential_source = Environment
        [profile half]
        aws_secret_access_key = other-half
        [sso-session corp]
        sso_start_url = https://sso.example
        [profile sso]
        sso_session = corp
        [profile one]
        role_arn = \(role)
        source_profile = two
        [profile two]
        role_arn = \(role)
        source_profile = three
        [profile three]
        role_arn = \(role)
        source_profile = one
        [profile itself]
        role_arn = \(role)
        source_profile = itself
        [profile orphan]
        role_arn = \(role)
        source_profile = gone
        [profile bare]
        role_arn = \(role)
        [profile mfa]
        role_arn = \(role)
        source_profile = base
        mfa_serial = arn:aws:iam::123456789012:mfa/me
        [profile metadata]
        role_arn = \(role)
        credential_source = Ec2InstanceMetadata
        [profile short]
        role_arn = \(role)
        source_profile = base
        duration_seconds = 60
        [profile endless]
        role_arn = \(role)
        source_profile = base
        duration_seconds = 99999999999999999999
        [profile nameless]
        role_arn = \(role)
        source_profile = base
        role_session_name = a job/7
        [profile norole]
        role_arn = ci
        source_profile = base
        """
    private static let files = ["/h/.aws/credentials": credentials, "/h/.aws/config": config]

    private static func find(
        _ environment: [String: String], profile: String? = nil, file: String? = nil, files: [String: String] = files
    ) throws -> FoundCredentials {
        try CredentialPlaces(
            environment: environment.merging(["HOME": "/h"]) { $1 }, profile: profile, credentialsFile: file
        ).find { path throws(CommandProblem) in files[path].map { Array($0.utf8) } }
    }

    /// The source in one line: `role/ci as job-7 by AKIABASE`.
    private static func told(_ source: CredentialSource) -> String {
        switch source {
        case .keys(let credentials): credentials.key.accessKeyID
        case .role(let role, let other): "\(role.arn.split(separator: "/").last ?? "") as \(role.sessionName) by \(told(other))"
        case .webIdentity(let role, let file): "\(role.arn.split(separator: "/").last ?? "") as \(role.sessionName) by \(file)"
        case .process(let command, let profile): "\(command) of \(profile)"
        }
    }

    private static let web = ["AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": role]

    @Test(arguments: [
        // The environment's keys, then its web identity, then the profile.
        (FakeMachine.keys.merging(web) { $1 }.merging(["AWS_PROFILE": "ci"]) { $1 }, "AKIAENV"),
        (web.merging(["AWS_PROFILE": "ci"]) { $1 }, "ci as weir by /token"),
        (web.merging(["AWS_ROLE_SESSION_NAME": "pod-1"]) { $1 }, "ci as pod-1 by /token"),
        (["AWS_PROFILE": "ci"], "ci as job-7 by AKIABASE"), ([:], "AKIADEFAULT"),
        // Half a key is none.
        (["AWS_ACCESS_KEY_ID": "AKIAHALF"], "AKIADEFAULT"),
        (["AWS_ACCESS_KEY_ID": "AKIAHALF", "AWS_SECRET_ACCESS_KEY": ""], "AKIADEFAULT"),
        (["AWS_PROFILE": "next"], "next as weir by ci as job-7 by AKIABASE"), (["AWS_PROFILE": "with a name"], "AKIANAMED"),
        (["AWS_PROFILE": "own"], "ci as weir by AKIAITSOWN"), (["AWS_PROFILE": "process"], "print-a-key of process"),
        (["AWS_PROFILE": "pod"], "ci as weir by /var/token"), (["AWS_PROFILE": "base"], "AKIABASE"),
    ])
    func theOrder(environment: [String: String], source: String) throws {
        #expect(try Self.told(Self.find(environment).source) == source)
    }

    @Test func aProfileBringsItsRegionAndItsTerms() throws {
        let found = try Self.find(["AWS_PROFILE": "ci"])
        #expect(found.region == "eu-central-1")
        guard case .role(let role, _) = found.source else { throw CommandProblem("no role") }
        #expect(role.duration == 900 && role.externalID == "from-outside" && role.arn == Self.role)
        #expect(try Self.find([:]).region == "eu-west-1")
    }

    @Test func whatIsNamedForAHostIsTheOnlyPlace() throws {
        #expect(try Self.told(Self.find(FakeMachine.keys, profile: "base").source) == "AKIABASE")
        #expect(try Self.told(Self.find(FakeMachine.keys, file: "/h/.aws/credentials").source) == "AKIADEFAULT")
        #expect(try Self.told(Self.find(["AWS_PROFILE": "ci"], file: "/h/.aws/credentials").source) == "AKIADEFAULT")
        #expect(
            try Self.told(Self.find(["AWS_PROFILE": "ci"], profile: "next", file: "/h/.aws/credentials").source).hasPrefix(
                "next as"))
        #expect(throws: CommandProblem.self) { try Self.find(FakeMachine.keys, profile: "gone") }
        #expect(throws: CommandProblem.self) { try Self.find(FakeMachine.keys, file: "/gone") }
    }

    @Test func theEnvironmentsKeyUnderARole() throws {
        // The environment's keys come first where they are there, so that only a host's own profile gets to this.
        let found = try Self.find(FakeMachine.keys, profile: "environment")
        #expect(Self.told(found.source) == "ci as weir by AKIAENV")
    }

    @Test(
        "What is set up wrongly is said, and no other place is tried",
        arguments: [
            ("one", "circle: 'one' → 'two' → 'three' → 'one'"), ("itself", "circle: 'itself' → 'itself'"), ("orphan", "'gone'"),
            ("bare", "source_profile"), ("mfa", "mfa_serial"), ("metadata", "Ec2InstanceMetadata"),
            ("environment", "AWS_ACCESS_KEY_ID"),
            ("sso", "SSO"), ("short", "900"), ("endless", "900"), ("nameless", "session name"), ("norole", "ARN"),
            ("half", "no access key"), ("gone", "no access key"),
        ])
    func wrong(profile: String, told: String) {
        let problem = #expect(throws: CommandProblem.self) { try Self.find(["AWS_PROFILE": profile]) }
        #expect(problem?.description.contains(told) == true, "\(problem?.description ?? "")")
        #expect(problem?.description.contains("secret") == false)
    }

    @Test func aLongChainHasAnEnd() {
        let links = (0..<1_000).map { "[profile p\($0)]\nrole_arn = \(Self.role)\nsource_profile = p\($0 + 1)\n" }.joined()
        let problem = #expect(throws: CommandProblem.self) {
            try Self.find(["AWS_PROFILE": "p0"], files: ["/h/.aws/config": links])
        }
        #expect(problem?.description.contains("more than 8 roles") == true)
    }

    @Test func aTokenFileWithoutARole() {
        let problem = #expect(throws: CommandProblem.self) { try Self.find(["AWS_WEB_IDENTITY_TOKEN_FILE": "/token"]) }
        #expect(problem?.description.contains("AWS_ROLE_ARN") == true)
    }

    @Test func withoutAHomeNothingIsLookedUp() {
        #expect(throws: CommandProblem.self) {
            try CredentialPlaces(environment: [:]).find { _ throws(CommandProblem) in [] }
        }
    }

    @Test(
        "Files that are no files of profiles",
        arguments: [
            "", "[", "]", "[]", "[default", "=", "[default]\n=\n=x\naws_access_key_id", "\u{0}\u{1}",
            "[default]\n\taws_access_key_id=",
            "[profile ]\nx=y", "[profile \"]\nx=y", "[profile]\nregion=x", String(repeating: "[a]\n", count: 5_000),
        ])
    func nonsense(text: String) {
        #expect(throws: CommandProblem.self) {
            try Self.find([:], files: ["/h/.aws/credentials": text, "/h/.aws/config": text])
        }
    }

    // MARK: The command of credential_process

    @Test func aCommandsOutput() throws {
        #expect(try CredentialProcess.run("printf '{\"a\": \"b c\"}'") == Array("{\"a\": \"b c\"}".utf8))
        #expect(try CredentialProcess.run("cat; echo told >&2") == [])
    }

    @Test(arguments: [
        ("exit 3", "ended with 3"), ("kill -9 $$", "signal 9"), ("head -c 100000 /dev/zero; sleep 100", "more than 64 KiB"),
    ])
    func aCommandThatFails(command: String, told: String) {
        let problem = #expect(throws: CommandProblem.self) { try CredentialProcess.run(command) }
        #expect(problem?.description.contains(told) == true, "\(problem?.description ?? "")")
    }
}
