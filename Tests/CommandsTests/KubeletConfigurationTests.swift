import Testing
import WeirCommands
import WeirCore

/// The kubelet's CredentialProviderConfig: what is printed, and what is found in one.
@Suite struct KubeletConfigurationTests {
    private func hosts(_ list: String = "registry.example registry.example:5050") throws -> RegistryHosts {
        try RegistryHosts(file: nil, ["WEIR_HOSTS": list]) { _ throws(CommandProblem) in nil }
    }

    private func printed(
        pods: Bool = false, audience: String = "weir", annotation: String = "eks.amazonaws.com/role-arn", role: String? = nil
    ) throws -> String {
        try KubeletConfiguration(
            name: "weir", hostsFile: "/etc/weir/hosts.json", hasServiceAccounts: pods, audience: audience,
            roleAnnotation: annotation,
            role: role
        ).text(for: hosts())
    }

    private func findings(_ text: String) throws -> [String] {
        try KubeletLint(hosts: hosts()).findings(in: Array(text.utf8)).map(\.description)
    }

    @Test func forANode() throws {
        #expect(
            try printed() == """
                apiVersion: kubelet.config.k8s.io/v1
                kind: CredentialProviderConfig
                providers:
                  - name: "weir"
                    apiVersion: credentialprovider.kubelet.k8s.io/v1
                    matchImages:
                      - "registry.example"
                      - "registry.example:5050"
                    defaultCacheDuration: "0s"
                    args:
                      - "credential-provider"
                      - "--hosts"
                      - "/etc/weir/hosts.json"

                """)
    }

    @Test func forPods() throws {
        #expect(
            try printed(pods: true).hasSuffix(
                """
                      - "--service-account-tokens"
                    tokenAttributes:
                      serviceAccountTokenAudience: "weir"
                      cacheType: Token
                      requireServiceAccount: true
                      requiredServiceAccountAnnotationKeys:
                        - "eks.amazonaws.com/role-arn"

                """))
    }

    @Test func whatIsPrintedIsWell() throws {
        let role = "arn:aws:iam::123456789012:role/pull"
        for text in [
            try printed(), try printed(pods: true), try printed(pods: true, annotation: "x/y"),
            try printed(pods: true, role: role),
        ] {
            #expect(try findings(text) == [])
        }
        #expect(throws: CommandProblem.self) {
            try KubeletConfiguration(
                name: "weir", hostsFile: nil, hasServiceAccounts: false, audience: "weir", roleAnnotation: "x", role: nil
            ).text(for: hosts(""))
        }
    }

    /// In the forms in which people write it.
    @Test func otherSpellingsOfTheSame() throws {
        let yaml = """
            ---
            # For all nodes.
            kind: CredentialProviderConfig   # of the kubelet
            apiVersion: 'kubelet.config.k8s.io/v1'
            providers:
            - name: ecr-credential-provider
              matchImages: ["*.dkr.ecr.*.amazonaws.com", '*.dkr.ecr.*.amazonaws.com.cn']
              defaultCacheDuration: "12h"
              apiVersion: credentialprovider.kubelet.k8s.io/v1
              env: []
            -
              name: weir
              matchImages:
              - "registry.example:5050"
              - '*.example'
              defaultCacheDuration: 0s
              apiVersion: credentialprovider.kubelet.k8s.io/v1
              args: [credential-provider]
              env:
              - name: AWS_SHARED_CREDENTIALS_FILE
                value: /etc/weir/credentials
            """
        #expect(try findings(yaml) == [])
        #expect(try findings(yaml.replacing("\n", with: "\r\n")) == [])
        let json = """
            {"kind": "CredentialProviderConfig", "apiVersion": "kubelet.config.k8s.io/v1", "providers": [{"name": "weir",
            "matchImages": ["registry.example", "registry.example:5050"], "defaultCacheDuration": "0s",
            "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "args": ["credential-provider"]}]}
            """
        #expect(try findings(json) == [])
    }

    /// What is exchanged in the printed configuration for pods, and a word of what is then found.
    private static let changes: [(String, String, String)] = [
        ("kubelet.config.k8s.io/v1", "kubelet.config.k8s.io/v2", "wrong: apiVersion is not kubelet.config.k8s.io/v1"),
        ("kind: CredentialProviderConfig", "kind: KubeletConfiguration", "wrong: kind"),
        (
            "credentialprovider.kubelet.k8s.io/v1", "credentialprovider.kubelet.k8s.io/v1beta1",
            "wrong: the provider 'weir' has tokenAttributes, which only"
        ),
        ("credentialprovider.kubelet.k8s.io/v1", "v1", "has no apiVersion"),
        ("\"weir\"", "\"/usr/bin/weir\"", "has no name of a program"),
        ("\"0s\"", "12", "defaultCacheDuration"), ("\"0s\"", "\"-1h\"", "defaultCacheDuration"),
        ("\"0s\"", "\"1d\"", "defaultCacheDuration"),
        ("\"registry.example\"", "\"registry.example/*\"", "has a * in its path"),
        ("\"registry.example\"", "\"registry.example:*\"", "has a * in its port"),
        ("\"registry.example\"", "\"https://registry.example\"", "has a scheme"),
        ("\"registry.example\"", "\"Registry.example\"", "capital"),
        ("\"registry.example\"", "\"registry.example.\"", "ends in one"), ("\"registry.example\"", "\"\"", "is empty"),
        ("\"registry.example\"", "\"*\"", "never asked for images of registry.example:"),
        ("\"registry.example\"", "\"registry.example:443\"", "never asked for images of registry.example:"),
        ("\"registry.example:5050\"", "\"*.*.example:5050\"", "never asked for images of registry.example:5050"),
        (
            "\"registry.example:5050\"", "\"*.example:5050\"\n      - \"quay.io\"",
            "doubtful: the provider 'weir': images of 'quay.io' get no login"
        ),
        ("\"credential-provider\"", "\"rules\"", "no provider runs this program"),
        ("matchImages", "matchimages", "'matchimages'"),
        (
            "\"weir\"\n      cache", "\"https://kubernetes.default.svc.cluster.local\"\n      cache",
            "doubtful: the provider 'weir' asks for tokens"
        ),
        ("\"weir\"\n      cache", "\"\"\n      cache", "without serviceAccountTokenAudience"),
        ("cacheType: Token", "cacheType: Image", "cacheType"),
        (
            "requireServiceAccount: true", "requireServiceAccount: false",
            "requiredServiceAccountAnnotationKeys, and requireServiceAccount: false"
        ),
        ("requireServiceAccount: true", "requireServiceAccount: maybe", "without requireServiceAccount"),
        ("eks.amazonaws.com/role-arn", "example.org/role", "is not told the annotation eks.amazonaws.com/role-arn"),
        ("      - \"--service-account-tokens\"\n", "", "[]"),
    ]

    @Test("What is wrong is said", arguments: changes.indices) func changed(index: Int) throws {
        let (old, new, told) = Self.changes[index]
        let text = try printed(pods: true)
        let found = try findings(text.replacing(old, with: new, maxReplacements: old == "\"weir\"" ? 1 : 100))
        #expect(told == "[]" ? found.isEmpty : found.contains { $0.contains(told) }, "\(found)")
    }

    @Test func tokensThatAreAskedForAndNotUsed() throws {
        let text = try printed(pods: true).replacing("requiredService", with: "optionalService")
            .replacing("requireServiceAccount: true", with: "requireServiceAccount: false")
        #expect(try findings(text) == [])
        let unused = text.replacing("      - \"--service-account-tokens\"\n", with: "")
        #expect(try findings(unused).contains { $0.hasPrefix("doubtful") && $0.contains("as the node") })
        let absent = try printed(pods: true).components(before: "    tokenAttributes:")
        #expect(try findings(absent).contains { $0.contains("no request has a token") })
    }

    @Test(
        "Files that are not understood are refused, whatever they are",
        arguments: [
            "", "x", "- a", "a: b: c", "a:\n\tb: c", "a: &x b", "a: *x", "a: !x b", "a: |\n  b", "a: >\n  b", "a: {b: c}",
            "a: [b", "a: [[b]]",
            "a: \"b", "a: 'b", "a: b\na: c", "a:\n  b: c\n d: e", "---\na: b\n---\nc: d", "a: @b", "? a", "\u{0}",
            String(repeating: "- ", count: 1_000) + "x", (0..<100).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
            String(repeating: "a\n", count: 30_000), String(repeating: "[", count: 100_000),
        ])
    func nonsense(text: String) throws {
        let found = try KubeletLint(hosts: hosts()).findings(in: Array(text.utf8))
        #expect(found.contains { $0.isFatal })
    }

    @Test func bytesThatAreNoText() throws {
        #expect(try KubeletLint(hosts: hosts()).findings(in: [0xff]).first?.isFatal == true)
        #expect(try KubeletLint(hosts: hosts()).findings(in: [UInt8](repeating: 0x61, count: 2 << 20)).first?.isFatal == true)
    }
}

extension String {
    fileprivate func components(before marker: String) -> String {
        firstRange(of: marker).map { String(self[..<$0.lowerBound]) } ?? self
    }
}
