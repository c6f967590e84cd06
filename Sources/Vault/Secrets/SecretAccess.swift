package import WeirCore

/// Gathers what decides who may use a secret: its own policy, beside the caller's.
package struct SecretAccess: Sendable {
    private let secrets: Secrets

    package init(secrets: Secrets) { self.secrets = secrets }

    /// What the account's root may do whatever the secret's policy says: without it a policy could lock everybody out for ever.
    private static let rescues: Set<String> = [
        "secretsmanager:PutResourcePolicy", "secretsmanager:GetResourcePolicy", "secretsmanager:DeleteResourcePolicy",
    ]

    /// The request and the policies that decide it, and the customer's key that seals the secret, by the name it was given.
    ///
    /// A secret that does not exist has no policy: a caller learns that it is missing only where the caller's own policies allow
    /// the action on its name.
    ///
    /// - Parameter name: a secret's name, its ARN, or its ARN without the last six characters.
    package func gather(
        _ caller: Caller, _ action: String, on name: String, in registry: RegistryID, context: PolicyContext,
        callers: CallerPolicies
    ) async throws -> (request: AuthorizationRequest, layers: PolicyLayers, secret: Secret?) {
        let due = secrets.clock.due
        let reference = try? SecretReference(name, in: registry)
        var secret: Secret?
        var tags: [ResourceTag] = []
        if let reference {
            (secret, tags) = try await secrets.database.read { sql in
                guard let found = try reference.find(at: due, sql) else { return (nil, []) }
                return (found, try SecretTable.tags(of: found.arn, sql))
            }
        }
        var context = context
        context["secretsmanager:SecretId"] = [name]
        context.take(resourceTags: tags, of: "secretsmanager")
        // Policies name a secret as `secret:NAME-??????`, also one that is not there yet.
        let missing = name.hasPrefix("arn:") ? name : registry.arn("secretsmanager", "secret:\(name)-??????")
        let resource = secret?.arn ?? missing
        let parts = resource.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        let owner = parts.count == 6 ? (try? AccountID(String(parts[4]))) ?? registry.account : registry.account
        var layers = PolicyLayers(caller: callers)
        let isRescue = caller.isRoot && caller.account == owner && Self.rescues.contains(action)
        if let secret, !isRescue, let policy = try secret.namedPolicy() { layers.resource = [policy] }
        return (
            AuthorizationRequest(caller: caller, action: action, resource: resource, owner: owner, context: context), layers,
            secret
        )
    }
}

extension Secret {
    /// Throws `.accessDenied` where the stored text cannot be read: a Deny might be lost with it.
    func namedPolicy() throws(Refusal) -> NamedPolicy? {
        guard let policy else { return nil }
        guard let document = try? PolicyDocument(policy, maxLength: SecretPolicy.maxLength, pins: pins.ids) else {
            throw Refusal(.accessDenied, "The policy of the secret \(name) cannot be read: nothing may be done with the secret.")
        }
        return NamedPolicy(.resource("secret policy"), document)
    }
}
