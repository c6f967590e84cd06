package import WeirCore

/// Gets registry passwords for this machine's hosts.
package struct RegistrySignIn: Sendable {
    /// Asks the server of a host, and ends the connection with the call that is given.
    package typealias Asking =
        @Sendable (
            RegistryHost, @Sendable (any ServerAPI) async throws -> RegistryPassword
        ) async throws -> RegistryPassword

    private let environment: [String: String]
    private let contents: CredentialResolver.Contents
    private let resolver: CredentialResolver
    private let cache: TokenCache?
    private let asking: Asking

    /// - Parameters:
    ///   - contents: the bytes of a file; nil if it does not exist.
    ///   - cache: nil keeps nothing.
    package init(
        environment: [String: String], contents: @escaping CredentialResolver.Contents, run: @escaping CredentialResolver.Run,
        cache: TokenCache?, clock: WallClock, asking: @escaping Asking
    ) {
        self.environment = environment
        self.contents = contents
        self.cache = cache
        self.asking = asking
        resolver = CredentialResolver(contents: contents, run: run, clock: clock)
    }

    /// For this machine itself, by the credentials that are found here.
    package func password(for host: RegistryHost) async throws -> RegistryPassword {
        let places = CredentialPlaces(
            environment: environment, profile: host.profile, credentialsFile: host.credentialsFile)
        let found = try places.find(contents)
        let prepared = try resolver.prepare(found.source)
        let region = region(of: host, found.region)
        let key = TokenCache.key(prepared.fingerprint, endpoint: host.endpoint, region: region)
        if let password = cache?[key] { return password }
        let password = try await ask(host, as: prepared, in: region)
        cache?.keep(password, as: key)
        return password
    }

    /// For the bearer of a web identity token. It is asked for each time: the server says each time whether the token is good.
    package func password(
        for host: RegistryHost, as role: AssumedRole, _ token: WebIdentityToken
    ) async throws -> RegistryPassword {
        try await ask(host, as: .webIdentity(role, token), in: region(of: host, nil))
    }

    private func region(of host: RegistryHost, _ profile: String?) -> String {
        let set = ["AWS_REGION", "AWS_DEFAULT_REGION"].compactMap { environment[$0] }.first { !$0.isEmpty }
        return host.region ?? set ?? profile ?? "us-east-1"
    }

    private func ask(
        _ host: RegistryHost, as prepared: PreparedCredentials, in region: String
    ) async throws -> RegistryPassword {
        try await asking(host) { [resolver] api in
            let credentials = try await resolver.credentials(of: prepared, at: api, in: region)
            let input: JSONValue = host.account.map { ["registryIds": [.string($0)]] } ?? [:]
            let answer = try await api.post(
                APIRequest("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", of: "ecr", input),
                signedBy: credentials.key, in: region)
            if let refusal = answer.refusal {
                let explained = credentials.explanation(of: refusal.code, refusal.message, by: api.server)
                throw CommandProblem(
                    explained
                        ?? "the server at \(api.server) gives no registry password: "
                        + Redaction.text(refusal.description, hiding: credentials.secrets))
            }
            guard let password = RegistryPassword(answer.document) else {
                throw CommandProblem(
                    "the server at \(api.server) answered GetAuthorizationToken without a password: is it a Weir?")
            }
            return password
        }
    }
}
