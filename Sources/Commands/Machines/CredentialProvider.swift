package import WeirCore

/// The kubelet's exec plugin: a `CredentialProviderRequest` of `credentialprovider.kubelet.k8s.io` in, its response out.
package struct CredentialProvider: Sendable {
    /// What the kubelet keeps a password for. `Global` is not offered: it would hand one host's password to all hosts.
    package enum CacheKeyType: String, Sendable, CaseIterable {
        case image = "Image"
        case registry = "Registry"
    }

    package struct Options: Sendable {
        package var cacheKeyType = CacheKeyType.image
        /// True gives passwords to pods with a service account token only, and never the node's own.
        package var needsServiceAccount = false
        /// The service account's annotation that names its role.
        package var roleAnnotation = Self.eksAnnotation
        /// The role of service accounts without that annotation; nil refuses them.
        package var role: String?

        /// What EKS's own webhook reads, so that one annotation serves both.
        package static let eksAnnotation = "eks.amazonaws.com/role-arn"

        package init() {}
    }

    /// In bytes: a token, annotations and an image.
    package static let maxInput = 1 << 20
    private static let versions = ["v1", "v1beta1", "v1alpha1"].map { "credentialprovider.kubelet.k8s.io/\($0)" }

    private let options: Options
    private let hosts: @Sendable () throws(CommandProblem) -> RegistryHosts
    private let signIn: RegistrySignIn
    private let clock: WallClock

    package init(
        _ options: Options, _ hosts: @escaping @Sendable () throws(CommandProblem) -> RegistryHosts, _ signIn: RegistrySignIn,
        clock: WallClock
    ) {
        self.options = options
        self.hosts = hosts
        self.signIn = signIn
        self.clock = clock
    }

    /// - Parameter input: the request, as the kubelet writes it to standard input.
    package func answer(_ input: [UInt8]) async -> HelperAnswer {
        do { return try await answer(to: Request(input)) } catch {
            return HelperAnswer(output: "", remark: "weir: \(error)\n", isSuccess: false)
        }
    }

    private func answer(to request: Request) async throws -> HelperAnswer {
        // Nothing is said of images of other registries: the kubelet asks each provider whose patterns match.
        guard let name = ImageHost.name(of: request.image), let host = try hosts()[name] else {
            return response(to: request, nil)
        }
        let password: RegistryPassword
        var remark = ""
        if let token = request.token {
            let role = try AssumedRole(
                arn: try role(request), sessionName: token.serviceAccountSession, from: "the pod's service account")
            password = try await signIn.password(for: host, as: role, token)
            if token.audiences.contains(where: { KubeletConfiguration.isAPIServers($0) }) {
                remark =
                    "weir: the pod's token is for the API server too, where it could be used by what receives it here: give "
                    + "serviceAccountTokenAudience an audience of its own, such as \(KubeletConfiguration.defaultAudience)\n"
            }
        } else if options.needsServiceAccount {
            return response(
                to: request, nil,
                remark: "weir: the request for an image of \(host.name) has no service account token, and the node's own "
                    + "credentials are for no pod: the kubelet's tokenAttributes decide who sends one\n")
        } else {
            password = try await signIn.password(for: host)
        }
        return response(to: request, (host, password), remark: remark)
    }

    private func role(_ request: Request) throws(CommandProblem) -> String {
        if let role = request.annotations[options.roleAnnotation] ?? options.role { return role }
        throw CommandProblem(
            "the pod's service account has no role: annotate it with \(options.roleAnnotation) and list that key in the kubelet's "
                + "tokenAttributes, or name a role for all with --role-arn")
    }

    private func response(
        to request: Request, _ found: (host: RegistryHost, password: RegistryPassword)?, remark: String = ""
    ) -> HelperAnswer {
        var auth: [String: JSONValue] = [:]
        var rest = Duration.zero
        if let (host, password) = found {
            auth[host.name] = ["username": .string(password.user), "password": .string(password.password)]
            rest = max(.zero, password.expiresAt - clock.now - TokenCache.margin)
        }
        let response: JSONValue = [
            "kind": "CredentialProviderResponse", "apiVersion": .string(request.version),
            "cacheKeyType": .string(options.cacheKeyType.rawValue),
            "cacheDuration": .string(GoDuration.text(seconds: rest.components.seconds)), "auth": .object(auth),
        ]
        return HelperAnswer(output: response.text + "\n", remark: remark)
    }

    /// The request, checked.
    private struct Request {
        let version: String
        let image: String
        let token: WebIdentityToken?
        let annotations: [String: String]

        init(_ input: [UInt8]) throws(CommandProblem) {
            guard let document = try? JSONValue(parsing: input), case .object = document else {
                throw CommandProblem(
                    "standard input holds no CredentialProviderRequest in JSON: the kubelet is who runs this command")
            }
            guard document.text(of: "kind") == "CredentialProviderRequest" else {
                throw CommandProblem("the kubelet's request is of another kind than CredentialProviderRequest")
            }
            guard let version = document.text(of: "apiVersion"), CredentialProvider.versions.contains(version) else {
                throw CommandProblem(
                    "the kubelet's request has an apiVersion that is not understood. There are "
                        + CredentialProvider.versions.joined(separator: ", ") + ": apiVersion in its CredentialProviderConfig")
            }
            guard let image = document.text(of: "image"), !image.isEmpty else {
                throw CommandProblem("the kubelet's request names no image")
            }
            self.version = version
            self.image = image
            switch document["serviceAccountToken"] {
            case nil, .null?, .string("")?: token = nil
            case .string(let text)?: token = try WebIdentityToken(Array(text.utf8), from: "the kubelet's serviceAccountToken")
            default: throw CommandProblem("the kubelet's serviceAccountToken is no text")
            }
            var annotations: [String: String] = [:]
            if case .object(let members)? = document["serviceAccountAnnotations"] {
                for case (let name, .string(let value)) in members { annotations[name] = value }
            }
            self.annotations = annotations
        }
    }
}

/// The registry in an image's name.
enum ImageHost {
    /// What stands before the first slash. Nil where that is no host, and the image one of Docker Hub: `nginx`, `library/nginx`.
    static func name(of image: String) -> String? {
        guard let slash = image.firstIndex(of: "/") else { return nil }
        let host = image[..<slash]
        return host.contains { $0 == "." || $0 == ":" } || host == "localhost" ? String(host) : nil
    }
}

/// Durations as Go writes and reads them.
package enum GoDuration {
    /// `11h55m0s`, `5m30s`, `0s`.
    package static func text(seconds: Int64) -> String {
        let hours = seconds / 3_600
        let minutes = seconds / 60 % 60
        return (hours > 0 ? "\(hours)h" : "") + (seconds >= 60 ? "\(minutes)m" : "") + "\(seconds % 60)s"
    }

    private static let units: Set<String> = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"]

    /// True for what `time.ParseDuration` reads, and that is not negative.
    package static func isReadable(_ text: String) -> Bool {
        if text == "0" { return true }
        var rest = (text.hasPrefix("+") ? text.dropFirst() : text[...])
        guard !rest.isEmpty, rest.utf8.count <= 100 else { return false }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            guard number.contains(where: \.isNumber), number.count(where: { $0 == "." }) <= 1 else { return false }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { $0.isLetter }
            guard units.contains(String(unit)) else { return false }
            rest = rest.dropFirst(unit.count)
        }
        return true
    }
}
