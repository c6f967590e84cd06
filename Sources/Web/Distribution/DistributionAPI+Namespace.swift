import HTTPTypes
import WeirCore
import WeirRegistry

extension DistributionAPI {
    /// A read with `?ns=HOST`, as containerd sends it to a mirror: HOST is the registry that the client means, and the name is
    /// that registry's. The cache rule for HOST says where it is cached here. Whether the caller may read that is asked as ever.
    ///
    /// A name that lies under such a rule's prefix already is taken as it is; so is every name where no rule is for HOST.
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
        // Told back only where it counted, and so is the name of a rule's registry.
        if isKnown, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) { located.namespace = host }
        return located
    }
}

extension HTTPField.Name {
    static let namespace = constant("OCI-Namespace")
}
