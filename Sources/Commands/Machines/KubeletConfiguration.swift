import WeirCore

/// A `CredentialProviderConfig` of `kubelet.config.k8s.io/v1` that has the kubelet run this program.
package struct KubeletConfiguration: Sendable {
    /// An audience of its own: a token that the API server takes too could be used there by whatever reads it here.
    package static let defaultAudience = "weir"
    /// True for an audience that a cluster's API server usually takes itself.
    static func isAPIServers(_ audience: String) -> Bool {
        audience.contains("kubernetes.default") || ["api", "kubernetes"].contains(audience)
    }

    static let apiVersion = "kubelet.config.k8s.io/v1"
    static let providerVersion = "credentialprovider.kubelet.k8s.io/v1"

    private let name: String
    private let arguments: [String]
    private let tokenAttributes: [String]

    /// - Parameters:
    ///   - name: the plugin's program, in the kubelet's `--image-credential-provider-bin-dir`.
    ///   - hostsFile: where it is not the usual one.
    ///   - role: of service accounts without the annotation.
    package init(
        name: String, hostsFile: String?, hasServiceAccounts: Bool, audience: String, roleAnnotation: String, role: String?
    ) {
        self.name = name
        var arguments = ["credential-provider"] + (hostsFile.map { ["--hosts", $0] } ?? [])
        guard hasServiceAccounts else {
            self.arguments = arguments
            tokenAttributes = []
            return
        }
        arguments.append("--service-account-tokens")
        if roleAnnotation != CredentialProvider.Options.eksAnnotation { arguments += ["--role-annotation", roleAnnotation] }
        if let role { arguments += ["--role-arn", role] }
        self.arguments = arguments
        let keys = role == nil ? "requiredServiceAccountAnnotationKeys" : "optionalServiceAccountAnnotationKeys"
        tokenAttributes = [
            "    tokenAttributes:",
            "      serviceAccountTokenAudience: \(JSONText.quoted(audience))",
            "      cacheType: Token",
            "      requireServiceAccount: true",
            "      \(keys):",
            "        - \(JSONText.quoted(roleAnnotation))",
        ]
    }

    /// In YAML. Throws where there is nothing to match.
    package func text(for hosts: RegistryHosts) throws(CommandProblem) -> String {
        guard !hosts.all.isEmpty else {
            throw CommandProblem("no host is named: write one into \(hosts.places), such as WEIR_HOSTS=registry.example")
        }
        let lines =
            [
                "apiVersion: \(Self.apiVersion)", "kind: CredentialProviderConfig", "providers:",
                "  - name: \(JSONText.quoted(name))",
            ]
            + ["    apiVersion: \(Self.providerVersion)", "    matchImages:"]
            + hosts.all.map { "      - \(JSONText.quoted($0.name))" } + ["    defaultCacheDuration: \"0s\"", "    args:"]
            + arguments.map { "      - \(JSONText.quoted($0))" } + tokenAttributes
        return lines.joined(separator: "\n") + "\n"
    }
}
