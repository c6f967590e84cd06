import HTTPTypes
import WeirCore
import WeirRegistry
import WeirServer

extension DistributionAPI {
    /// Locates a read with `?ns=HOST`, which containerd sends to a mirror: HOST is the registry that the client means, and the
    /// name is that registry's. The cache rule for HOST tells where the repository is cached here. The caller's right to read it
    /// is checked as usual.
    ///
    /// A name that lies under such a rule's prefix already is left as it is, and so is every name where there is no rule for
    /// HOST.
    func located(_ call: DistributionCall, inNamespace host: String) async throws -> DistributionCall {
        var isKnown = false
        var located = call
        located.path = try await call.path.renamed { name in
            guard let rule = try await registry.cacheRules.rule(forNamespace: host, in: call.registry) else { return nil }
            isKnown = true
            if let covering = try await registry.cacheRules.rule(covering: name, in: call.registry),
                covering.upstreamURL == rule.upstreamURL
            {
                return nil
            }
            return try await registry.cacheRules.repository("\(name)", inNamespace: host, of: call.registry)
        }
        // The answer repeats HOST only where a rule for it was found.
        if isKnown, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) { located.namespace = host }
        return located
    }
}

extension HTTPField.Name {
    static let namespace = constant("OCI-Namespace")
}
