import WeirCore
import WeirVault

/// Whom a rule asks upstream, and in whose name.
struct UpstreamSources: Sendable {
    let secrets: Secrets

    /// The login is read at each call, so that a rotated secret counts at once.
    func source(
        by rule: CacheRule, at context: PullContext, _ priority: UpstreamPriority? = nil
    ) async throws -> UpstreamSource {
        var credential: UpstreamCredential?
        if let arn = rule.credentialARN { credential = try await secrets.credential(arn: arn, in: context.registry) }
        return rule.source(
            of: rule.upstreamRepository(for: context.name), with: credential, owner: rule.owner(in: context.registry),
            account: context.registry.account, priority ?? context.priority)
    }
}

extension CacheRule {
    /// A repository of the rule's upstream, asked as the rule's options say.
    func source(
        of repository: String, with credential: UpstreamCredential?, owner: String, account: AccountID,
        _ priority: UpstreamPriority
    ) -> UpstreamSource {
        UpstreamSource(
            host: upstreamURL, repository: repository, credential: credential, owner: owner, kind: kind,
            limits: options.limits, priority: priority, plainHTTP: options.plainHTTP, pathPrefix: options.pathPrefix,
            roleARN: customRoleARN, account: account)
    }
}
