import Testing
import WeirCommands
import WeirCore

/// The kubelet's exec plugin: requests to responses.
@Suite struct CredentialProviderTests {
    private static let v1 = "credentialprovider.kubelet.k8s.io/v1"
    private static let role = "arn:aws:iam::123456789012:role/pull"
    /// `{"sub": "system:serviceaccount:ci:builder"}`
    private static let token =
        "e30." + FakeServer.base64(#"{"sub": "system:serviceaccount:ci:builder"}"#).filter { $0 != "=" } + ".c2ln"

    private func request(
        _ image: String, version: String = v1, token: String? = nil, annotations: [String: JSONValue]? = nil
    ) -> JSONValue {
        JSONValue.members([
            "kind": "CredentialProviderRequest", "apiVersion": .string(version), "image": .string(image),
            "serviceAccountToken": token.map { .string($0) }, "serviceAccountAnnotations": annotations.map { .object($0) },
        ])
    }

    private func response(_ answer: HelperAnswer) throws -> JSONValue { try JSONValue(parsing: answer.output.utf8) }

    private static var forPods: CredentialProvider.Options {
        var options = CredentialProvider.Options()
        options.needsServiceAccount = true
        return options
    }

    @Test("The request's version is answered", arguments: ["v1", "v1beta1", "v1alpha1"]) func answer(version: String) async throws
    {
        let version = "credentialprovider.kubelet.k8s.io/\(version)"
        let answer = await FakeMachine().provide(request("registry.example/team/app:1", version: version))
        #expect(answer.isSuccess && answer.remark.isEmpty)
        #expect(
            try response(answer) == [
                "kind": "CredentialProviderResponse", "apiVersion": .string(version), "cacheKeyType": "Image",
                "cacheDuration": "11h55m0s",
                "auth": ["registry.example": ["username": "AWS", "password": .string(FakeServer.password)]],
            ])
    }

    @Test func keptForTheRegistryWhereThatIsWanted() async throws {
        var options = CredentialProvider.Options()
        options.cacheKeyType = .registry
        let answer = await FakeMachine().provide(request("registry.example/a"), FakeServer(), options)
        #expect(try response(answer)["cacheKeyType"] == "Registry")
    }

    @Test(
        "A password is kept for less than it lasts",
        arguments: [(43_200, "11h55m0s"), (3_601, "55m1s"), (900, "10m0s"), (359, "59s"), (300, "0s"), (1, "0s"), (-5, "0s")])
    func duration(seconds: Int64, told: String) async throws {
        let server = FakeServer { _ in FakeServer.token(lasting: seconds) }
        let answer = await FakeMachine().provide(request("registry.example/a"), server)
        #expect(try response(answer)["cacheDuration"] == .string(told))
    }

    @Test(
        "The host is what stands before the first slash, and no other is answered for",
        arguments: [
            "registry.example", "registry.example:5050", "nginx", "library/nginx", "registry/nginx",
            "other.example/registry.example/app",
            "registry.example:443/app", "registry.example:5051/app", "Registry.example/app", "registry.example./app",
            "user@registry.example/app", "https://registry.example/app", "registry.example.other.example/app",
            "127.0.0.1:5050/app",
            "[::1]:5050/app", "/registry.example/app", "registry.example\u{0}/app", "registry.example\n/app",
            " registry.example/app",
            "xn--registry-example/app", "public.ecr.aws/registry.example/app",
        ])
    func others(image: String) async throws {
        let server = FakeServer()
        let answer = await FakeMachine().provide(request(image), server)
        #expect(answer.isSuccess && answer.remark.isEmpty)
        #expect(try response(answer)["auth"] == [:])
        #expect(try response(answer)["cacheKeyType"] == "Image")
        #expect(server.calls.isEmpty)
    }

    @Test(arguments: ["registry.example:5050/app@sha256:1", "registry.example:5050/a/b/c:tag"]) func aPort(image: String)
        async throws
    {
        let answer = await FakeMachine().provide(request(image))
        #expect(try response(answer)["auth"]?["registry.example:5050"]?["username"] == "AWS")
    }

    // MARK: Service accounts

    @Test(
        "A pod signs in as the role of its service account, whatever the node has",
        arguments: [CredentialProvider.Options(), forPods])
    func aPod(options: CredentialProvider.Options) async throws {
        let server = FakeServer()
        let answer = await FakeMachine().provide(
            request("registry.example/a", token: Self.token, annotations: ["eks.amazonaws.com/role-arn": .string(Self.role)]),
            server,
            options)
        #expect(try response(answer)["auth"]?["registry.example"]?["password"] == .string(FakeServer.password))
        #expect(server.calls.map(\.operation) == ["AssumeRoleWithWebIdentity", "GetAuthorizationToken"])
        #expect(server.calls.map(\.accessKeyID) == [nil, "ASIA-of-nobody"])
        #expect(server.calls[0].body.contains("role%2Fpull&RoleSessionName=builder%40ci&"))
        #expect(server.calls[0].body.hasSuffix("WebIdentityToken=\(Self.token)"))
    }

    @Test(
        "A token that the API server takes too is used, and warned of",
        arguments: [
            (#"{"aud": "weir"}"#, false), (#"{"aud": ["https://kubernetes.default.svc.cluster.local", "weir"]}"#, true),
            (#"{"aud": "https://kubernetes.default.svc"}"#, true), (#"{"aud": 1}"#, false), ("[]", false),
        ])
    func audience(claims: String, isWarned: Bool) async throws {
        let token = "e30." + FakeServer.base64(claims).filter { $0 != "=" } + ".c2ln"
        let answer = await FakeMachine().provide(
            request("registry.example/a", token: token, annotations: ["eks.amazonaws.com/role-arn": .string(Self.role)]))
        #expect(answer.isSuccess && answer.remark.isEmpty != isWarned && !answer.remark.contains(token))
    }

    @Test func eachPodIsAskedFor() async {
        let server = FakeServer()
        var machine = FakeMachine()
        machine.cache = TokenCache(folder: "/dev/null/weir", clock: machine.clock)
        for _ in 0..<2 {
            _ = await machine.provide(
                request("registry.example/a", token: Self.token, annotations: ["eks.amazonaws.com/role-arn": .string(Self.role)]),
                server)
        }
        #expect(server.calls.count == 4)
    }

    @Test("Without a token there are no credentials, and never the node's", arguments: [nil, ""])
    func noToken(token: String?) async throws {
        let server = FakeServer()
        let answer = await FakeMachine().provide(
            request("registry.example/a", token: token, annotations: ["eks.amazonaws.com/role-arn": .string(Self.role)]), server,
            Self.forPods)
        #expect(try answer.isSuccess && response(answer)["auth"] == [:] && response(answer)["cacheDuration"] == "0s")
        #expect(answer.remark.contains("no service account token") && server.calls.isEmpty)
    }

    @Test(
        "A service account without a role is refused, and not signed in as the node",
        arguments: [
            nil, [:], ["eks.amazonaws.com/role-arn": ""], ["eks.amazonaws.com/role-arn": "pull"],
            ["eks.amazonaws.com/role-arn": 1],
        ]
            as [[String: JSONValue]?])
    func noRole(annotations: [String: JSONValue]?) async {
        let server = FakeServer()
        let answer = await FakeMachine().provide(
            request("registry.example/a", token: Self.token, annotations: annotations), server)
        #expect(!answer.isSuccess && answer.output.isEmpty && answer.remark.contains("service account") && server.calls.isEmpty)
    }

    @Test func anotherAnnotationAndARoleForAll() async {
        var options = Self.forPods
        options.roleAnnotation = "example.org/role"
        options.role = Self.role + "-all"
        let server = FakeServer()
        _ = await FakeMachine().provide(request("registry.example/a", token: Self.token), server, options)
        _ = await FakeMachine().provide(
            request("registry.example/a", token: "opaque", annotations: ["example.org/role": .string(Self.role)]), server, options
        )
        #expect(
            server.calls[0].body.contains("role%2Fpull-all&")
                && server.calls[2].body.contains("role%2Fpull&RoleSessionName=weir&"))
    }

    @Test(
        "Tokens that are none tell no name, and are the server's to refuse",
        arguments: [
            "abcd", "a.b.c", "..xx", "e30.e30.e30", "e30." + FakeServer.base64(#"{"sub": "system:serviceaccount:a b:c"}"#) + ".x",
        ])
    func oddTokens(token: String) async {
        let server = FakeServer()
        var options = Self.forPods
        options.role = Self.role
        _ = await FakeMachine().provide(request("registry.example/a", token: token), server, options)
        #expect(server.calls.first?.body.contains("RoleSessionName=weir&") == true)
    }

    // MARK: Requests that are none

    @Test(arguments: [
        "", "{", "[]", "null", #"{"planted": "planted"}"#, #"{"kind": "CredentialProviderResponse", "image": "planted"}"#,
        #"{"kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v2", "image": "planted"}"#,
        #"{"kind": "CredentialProviderRequest", "image": "planted"}"#,
        #"{"kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "serviceAccountToken": "planted"}"#,
        #"{"kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "image": 1}"#,
        #"{"kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "image": "registry.example/a", "serviceAccountToken": ["planted"]}"#,
        #"{"kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "image": "registry.example/a", "serviceAccountToken": "planted planted"}"#,
    ])
    func nonsense(text: String) async {
        let server = FakeServer()
        let answer = await FakeMachine().provide(Array(text.utf8), server)
        #expect(!answer.isSuccess && answer.output.isEmpty && answer.remark.hasPrefix("weir: "))
        #expect(!answer.remark.contains("planted") && server.calls.isEmpty)
    }

    @Test(arguments: ["0", "0s", "12h", "1h30m", "1.5h", "300ms", "+1s", "1h0m0s", ".5s"])
    func readable(text: String) { #expect(GoDuration.isReadable(text)) }

    @Test(arguments: ["", "12", "-1s", "1d", "h", "1.2.3s", ".s", "1s2", "1 s", "１s"])
    func unreadable(text: String) { #expect(!GoDuration.isReadable(text)) }
}
