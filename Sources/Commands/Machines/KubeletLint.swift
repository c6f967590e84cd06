import WeirCore

/// Looks through a kubelet's `CredentialProviderConfig`: what the kubelet would refuse, and what it would take and never use.
package struct KubeletLint: Sendable {
    /// Something that is wrong, or may be meant otherwise.
    package struct Finding: Sendable, Equatable, CustomStringConvertible {
        /// True where images cannot be pulled, or the kubelet does not start.
        package let isFatal: Bool
        package let text: String

        package var description: String { "\(isFatal ? "wrong" : "doubtful"): \(text)" }
    }

    private static let members: [String: Set<String>] = [
        "file": ["apiVersion", "kind", "providers"],
        "provider": ["name", "matchImages", "defaultCacheDuration", "apiVersion", "args", "env", "tokenAttributes"],
        "tokenAttributes": [
            "serviceAccountTokenAudience", "cacheType", "requireServiceAccount", "requiredServiceAccountAnnotationKeys",
            "optionalServiceAccountAnnotationKeys",
        ],
    ]
    /// In bytes: more than a kubelet has providers.
    private static let longest = 1 << 20

    private let hosts: RegistryHosts

    package init(hosts: RegistryHosts) { self.hosts = hosts }

    /// In the order of the file; none where all is well.
    package func findings(in bytes: [UInt8]) -> [Finding] {
        guard bytes.count <= Self.longest, let text = String(validating: bytes, as: UTF8.self) else {
            return [Finding(isFatal: true, text: "the file is no text in UTF-8, or longer than \(Self.longest >> 10) KiB")]
        }
        let document: JSONValue
        do throws(CommandProblem) { document = try Self.document(bytes, text) } catch {
            return [Finding(isFatal: true, text: "\(error)")]
        }
        var found: [Finding] = []
        unknown(in: document, "file", "the file", &found)
        if document.text(of: "kind") != "CredentialProviderConfig" {
            found.append(Finding(isFatal: true, text: "kind is not CredentialProviderConfig"))
        }
        let versions = ["v1", "v1beta1", "v1alpha1"].map { "kubelet.config.k8s.io/\($0)" }
        if !versions.contains(document.text(of: "apiVersion") ?? "") {
            found.append(Finding(isFatal: true, text: "apiVersion is not \(KubeletConfiguration.apiVersion)"))
        }
        let providers = document.list("providers")
        if providers.isEmpty { found.append(Finding(isFatal: true, text: "providers has no provider")) }
        var names: Set<String> = []
        for provider in providers {
            let name = provider.text(of: "name") ?? ""
            if !names.insert(name).inserted {
                found.append(Finding(isFatal: true, text: "there are two providers with the name \(Quoted.text(name))"))
            }
            self.provider(provider, name, &found)
        }
        if !providers.contains(where: Self.isWeirs) {
            found.append(
                Finding(
                    isFatal: true, text: "no provider runs this program: one needs args with credential-provider as the first"))
        }
        return found
    }

    private static func document(_ bytes: [UInt8], _ text: String) throws(CommandProblem) -> JSONValue {
        if let document = try? JSONValue(parsing: bytes) { return document }
        return try YAMLSubset.parse(text)
    }

    /// True for a provider that runs this program.
    private static func isWeirs(_ provider: JSONValue) -> Bool { provider.texts("args").first == "credential-provider" }

    private func provider(_ provider: JSONValue, _ name: String, _ found: inout [Finding]) {
        let place = "the provider \(Quoted.text(name))"
        func wrong(_ text: String) { found.append(Finding(isFatal: true, text: "\(place) \(text)")) }
        unknown(in: provider, "provider", place, &found)
        if name.isEmpty || name == "." || name == ".." || name.contains("/") || name.contains(" ") {
            wrong("has no name of a program: it is a file in --image-credential-provider-bin-dir, without a folder")
        }
        let versions = ["v1", "v1beta1", "v1alpha1"].map { "credentialprovider.kubelet.k8s.io/\($0)" }
        if !versions.contains(provider.text(of: "apiVersion") ?? "") {
            wrong("has no apiVersion \(KubeletConfiguration.providerVersion)")
        }
        if !GoDuration.isReadable(provider.text(of: "defaultCacheDuration") ?? "") {
            wrong("has no defaultCacheDuration that is a duration: \"0s\" or \"12h\", in quotes")
        }
        patterns(of: provider, place, &found)
        attributes(of: provider, place, &found)
    }

    private func patterns(of provider: JSONValue, _ place: String, _ found: inout [Finding]) {
        let texts = provider.texts("matchImages")
        if texts.isEmpty { found.append(Finding(isFatal: true, text: "\(place) has no matchImages")) }
        var patterns: [(text: String, pattern: ImagePattern)] = []
        for text in texts.prefix(1_000) {
            do throws(CommandProblem) { patterns.append((text, try ImagePattern(text))) } catch {
                found.append(Finding(isFatal: true, text: "\(place): the image pattern \(Quoted.text(text)) \(error)"))
            }
        }
        guard Self.isWeirs(provider) else { return }
        for host in hosts.all where !patterns.contains(where: { $0.pattern.matches(host: host.name) }) {
            found.append(
                Finding(
                    isFatal: true,
                    text: "\(place) is never asked for images of \(host.name): no pattern has its labels and its port"))
        }
        for (text, pattern) in patterns where !hosts.all.contains(where: { pattern.matches(host: $0.name) }) {
            found.append(
                Finding(
                    isFatal: false,
                    text: "\(place): images of \(Quoted.text(text)) get no login, since no such host is named in \(hosts.places)")
            )
        }
    }

    private func attributes(of provider: JSONValue, _ place: String, _ found: inout [Finding]) {
        func wrong(_ text: String) { found.append(Finding(isFatal: true, text: "\(place) \(text)")) }
        func doubtful(_ text: String) { found.append(Finding(isFatal: false, text: "\(place) \(text)")) }
        let arguments = provider.texts("args")
        let isForPods = arguments.contains("--service-account-tokens")
        guard let attributes = provider["tokenAttributes"], attributes != .null else {
            if isForPods {
                wrong("has --service-account-tokens and no tokenAttributes: no request has a token, so no image gets a login")
            }
            return
        }
        unknown(in: attributes, "tokenAttributes", "\(place), tokenAttributes,", &found)
        if provider.text(of: "apiVersion") != KubeletConfiguration.providerVersion {
            wrong("has tokenAttributes, which only \(KubeletConfiguration.providerVersion) knows")
        }
        let audience = attributes.text(of: "serviceAccountTokenAudience") ?? ""
        if audience.isEmpty { wrong("has tokenAttributes without serviceAccountTokenAudience") }
        if KubeletConfiguration.isAPIServers(audience) {
            doubtful(
                "asks for tokens with the API server's own audience: what receives them here could use them there. "
                    + "Give it one of its own, such as \(KubeletConfiguration.defaultAudience)")
        }
        if !["ServiceAccount", "Token"].contains(attributes.text(of: "cacheType") ?? "") {
            wrong("has tokenAttributes without a cacheType: Token or ServiceAccount")
        }
        annotations(of: attributes, provider, place, &found)
    }

    /// Which service accounts may send a token, and what is told of them.
    private func annotations(
        of attributes: JSONValue, _ provider: JSONValue, _ place: String, _ found: inout [Finding]
    ) {
        func wrong(_ text: String) { found.append(Finding(isFatal: true, text: "\(place) \(text)")) }
        let arguments = provider.texts("args")
        let required = attributes.texts("requiredServiceAccountAnnotationKeys")
        let keys = required + attributes.texts("optionalServiceAccountAnnotationKeys")
        switch attributes["requireServiceAccount"] {
        case .bool(true)?: break
        case .bool(false)?:
            if !required.isEmpty { wrong("has requiredServiceAccountAnnotationKeys, and requireServiceAccount: false") }
            if Self.isWeirs(provider), !arguments.contains("--service-account-tokens") {
                let text =
                    "\(place) signs pods without a service account in as the node: --service-account-tokens in its args refuses them"
                found.append(Finding(isFatal: false, text: text))
            }
        default: wrong("has tokenAttributes without requireServiceAccount: true or false")
        }
        if Set(keys).count < keys.count { wrong("names an annotation twice") }
        guard Self.isWeirs(provider) else { return }
        let annotation = Self.value(of: "--role-annotation", in: arguments) ?? CredentialProvider.Options.eksAnnotation
        if !keys.contains(annotation), Self.value(of: "--role-arn", in: arguments) == nil {
            wrong(
                "is not told the annotation \(annotation), which names the role: list it, or give all pods one role with --role-arn"
            )
        }
    }

    private static func value(of option: String, in arguments: [String]) -> String? {
        for (index, argument) in arguments.enumerated() {
            if argument == option { return arguments.dropFirst(index).dropFirst().first }
            if argument.hasPrefix(option + "=") { return String(argument.dropFirst(option.count).dropFirst()) }
        }
        return nil
    }

    /// The kubelet refuses names that it does not know, since it reads strictly.
    private func unknown(in value: JSONValue, _ kind: String, _ place: String, _ found: inout [Finding]) {
        guard case .object(let members) = value else {
            found.append(Finding(isFatal: true, text: "\(place) is no mapping"))
            return
        }
        let known = Self.members[kind] ?? []
        for name in members.keys.sorted() where !known.contains(name) {
            let list = known.sorted().joined(separator: ", ")
            let text = "\(place) has \(Quoted.text(name)), which the kubelet does not know: \(list)"
            found.append(Finding(isFatal: true, text: text))
        }
    }
}
