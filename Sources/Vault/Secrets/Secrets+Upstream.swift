#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
package import WeirCore

/// The secrets of pull through cache rules: logins for upstream registries.
extension Secrets {
    /// The login in a rule's secret, read now, so that a rotated secret takes effect at once.
    ///
    /// Throws `secretNotFound` if it is missing, deleted, or in another account or region; `unableToDecryptSecretValue` if its
    /// key may not be used; `unableToAccessSecret` if its value is not a login. The message never contains the value.
    package func credential(arn: String, in registry: RegistryID) async throws -> UpstreamCredential {
        let (secret, row) = try await current(arn, in: registry)
        try permitCache(secret)
        guard let row else { throw Self.unusable(secret, "it has no value") }
        guard case .text(let text) = try seal.open(row, of: secret) else {
            throw Self.unusable(secret, "its value is binary")
        }
        guard let login = try? JSONDecoder().decode(Login.self, from: Data(text.utf8)) else {
            throw Self.unusable(secret, "its value is something else")
        }
        guard !login.username.isEmpty, !login.accessToken.isEmpty else {
            throw Self.unusable(secret, "one of the two is empty")
        }
        return UpstreamCredential(username: login.username, accessToken: login.accessToken)
    }

    /// Throws unless the secret exists and can be opened. Its content is not checked, as in ECR.
    package func exists(arn: String, in registry: RegistryID) async throws {
        let (secret, row) = try await current(arn, in: registry)
        if let row { _ = try seal.open(row, of: secret) }
    }

    private func current(
        _ arn: String, in registry: RegistryID
    ) async throws -> (Secret, SecretVersionTable.Row?) {
        let due = clock.due
        let missing = Refusal(
            .secretNotFound,
            "The ARN of the secret specified in the pull through cache rule was not found. Update the pull through cache rule with a valid secret ARN and try again.",
            facts: ["secret.arn": arn])
        guard arn.hasPrefix("arn:"), let reference = try? SecretReference(arn, in: registry) else { throw missing }
        return try await database.read { sql in
            guard let secret = try reference.find(at: due, sql), secret.deletionAt == nil else { throw missing }
            return (secret, try SecretVersionTable.find(stage: SecretVersion.current, of: secret.arn, sql))
        }
    }

    /// The cache reads secrets by its service's own right, so that only the secret's policy can deny it.
    private func permitCache(_ secret: Secret) throws(Refusal) {
        guard let policy = try secret.namedPolicy() else { return }
        let caller = ServicePrincipal.pullThroughCache.caller(in: secret.registry)
        let request = AuthorizationRequest(
            caller: caller, action: "secretsmanager:GetSecretValue", resource: secret.arn, owner: secret.registry.account,
            context: PolicyContext(
                of: caller, from: RequestOrigin(), at: clock.now, owner: secret.registry.account, in: secret.registry.region))
        guard policy.document.answer(to: request) == .denies else { return }
        throw Refusal(
            .unableToAccessSecret,
            "The secret \(secret.name) cannot be read: its policy denies it to \(ServicePrincipal.pullThroughCache.rawValue).",
            facts: ["secret.arn": secret.arn])
    }

    private struct Login: Decodable {
        let username: String
        let accessToken: String
    }

    private static func unusable(_ secret: Secret, _ reason: String) -> Refusal {
        Refusal(
            .unableToAccessSecret,
            "The secret \(secret.name) cannot be used to sign in upstream: it must be a JSON object with the strings username and accessToken, but \(reason).",
            facts: ["secret.arn": secret.arn])
    }
}
